;; Gives an error of a kind that does not exist.
(func $run (param $source i32) (param $length i32) (param $arguments i32) (param $arguments-length i32) (result i32)
  (i32.store8 (i32.const 4096) (i32.const 1))
  (i32.store8 (i32.const 4104) (i32.const 77))
  (i32.const 4096))
