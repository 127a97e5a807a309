;; Writes a megabyte to a file that it opened for reading, without end.
(func $attack (param $source i32) (param $length i32)
  (call $file.open (local.get $source) (local.get $length) (i32.const 1) (i32.const 4096))
  (loop $again
    (call $file.write
      (i32.load (i32.const 4104)) (i32.const 0x100000) (i32.const 0x100000) (i32.const 0) (i32.const 8192))
    (br $again)))
