;; Writes half a surrogate pair, in UTF-16. The script's path comes in UTF-16 too.
(data (i32.const 5000) "\00\d8")
(func $attack (param $source i32) (param $length i32)
  (call $file.write
    (call $open (local.get $source) (local.get $length))
    (i32.const 5000) (i32.const 1) (i32.const 1) (i32.const 4096)))
