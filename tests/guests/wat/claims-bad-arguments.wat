;; Acts, and then says that the arguments are of no use: as if nothing had run.
(func $run (param $source i32) (param $length i32) (param $arguments i32) (param $arguments-length i32) (result i32)
  (drop (call $open (local.get $source) (local.get $length)))
  (i32.store8 (i32.const 4096) (i32.const 1))
  (i32.const 4096))
