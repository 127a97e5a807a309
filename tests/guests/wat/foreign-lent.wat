;; Lends a file where a directory is wanted.
(func $attack (param $source i32) (param $length i32)
  (local $file i32)
  (local.set $file (call $open (local.get $source) (local.get $length)))
  (call $file.extract (local.get $file) (local.get $file) (i32.const 0) (i32.const 4096)))
