;; Attacks, and then claims that the script gave "survived".
(data (i32.const 1024) "survived" "null")
(func $run (param $source i32) (param $length i32) (param $arguments i32) (param $arguments-length i32) (result i32)
  (call $attack (local.get $source) (local.get $length))
  (i32.store (i32.const 1048) (i32.const 1024))
  (i32.store (i32.const 1052) (i32.const 8))
  (i32.store (i32.const 1056) (i32.const 1032))
  (i32.store (i32.const 1060) (i32.const 4))
  (i32.const 1040))
