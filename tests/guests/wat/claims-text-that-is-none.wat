;; Gives a text that is not UTF-8: a surrogate.
(data (i32.const 5000) "\ed\a0\80")
(func $run (param $source i32) (param $length i32) (param $arguments i32) (param $arguments-length i32) (result i32)
  (i32.store (i32.const 4104) (i32.const 5000))
  (i32.store (i32.const 4108) (i32.const 3))
  (i32.const 4096))
