;; Reads through a handle that nobody gave it.
(func $attack (param $source i32) (param $length i32)
  (call $file.read (i32.const 12345) (i32.const 0) (i32.const 4096)))
