;; Gives a text in UTF-16 whose length in bytes overflows.
(func $attack (param $source i32) (param $length i32)
  (call $log.write (i32.const 4) (i32.const 0) (i32.const 5000) (i32.const 0x80000001)))
