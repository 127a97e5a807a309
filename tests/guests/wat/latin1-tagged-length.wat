;; Gives a text in Latin-1 or UTF-16, of the greatest length, with the tag of UTF-16.
(func $attack (param $source i32) (param $length i32)
  (call $log.write (i32.const 4) (i32.const 0) (i32.const 5000) (i32.const -1)))
