;; Says that a limit ended it, by the number that the first excess would have.
(func $run (param $source i32) (param $length i32) (param $arguments i32) (param $arguments-length i32) (result i32)
  (i32.store8 (i32.const 4096) (i32.const 1))
  (i32.store8 (i32.const 4104) (i32.const 2))
  (i32.store8 (i32.const 4128) (i32.const 1))
  (i64.store (i32.const 4136) (i64.const 0x4000000000000001))
  (i32.const 4096))
