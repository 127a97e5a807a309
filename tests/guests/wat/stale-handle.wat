;; Uses a handle after letting go of it.
(func $attack (param $source i32) (param $length i32)
  (local $file i32)
  (local.set $file (call $open (local.get $source) (local.get $length)))
  (call $file.drop (local.get $file))
  (call $file.metadata (local.get $file) (i32.const 4096)))
