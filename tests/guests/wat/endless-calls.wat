;; Calls the host without end.
(func $attack (param $source i32) (param $length i32)
  (loop $again (drop (call $clock.elapsed)) (br $again)))
