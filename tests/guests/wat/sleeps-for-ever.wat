;; Waits for as long as can be said.
(func $attack (param $source i32) (param $length i32)
  (call $clock.sleep (i64.const -1)))
