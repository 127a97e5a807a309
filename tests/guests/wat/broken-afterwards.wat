;; Breaks down after its result was taken.
(func $after (param $result i32)
  (drop (i32.div_u (i32.const 1) (i32.const 0))))
