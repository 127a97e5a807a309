;; Gives a text in UTF-16 at an odd address.
(func $attack (param $source i32) (param $length i32)
  (call $log.write (i32.const 4) (i32.const 0) (i32.const 5001) (i32.const 4)))
