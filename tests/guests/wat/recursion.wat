;; Calls itself without end.
(func $attack (param $source i32) (param $length i32)
  (call $attack (local.get $source) (local.get $length))
  (drop (call $clock.elapsed)))
