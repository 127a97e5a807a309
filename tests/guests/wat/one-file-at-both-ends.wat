;; Copies a file onto itself, through one handle, with force.
(func $attack (param $source i32) (param $length i32)
  (local $file i32)
  (local.set $file (call $open (local.get $source) (local.get $length)))
  (call $file.copy (local.get $file) (local.get $file) (i32.const 1) (i32.const 4096))
  (call $file.compress-gzip (local.get $file) (local.get $file) (i32.const 9) (i32.const 4096)))
