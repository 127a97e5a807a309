;; Divides by zero.
(func $attack (param $source i32) (param $length i32)
  (drop (i32.div_u (local.get $length) (i32.const 0))))
