;; Is denied something, and says nothing of it.
(data (i32.const 4096) "/etc/passwd")
(func $run (param $source i32) (param $length i32) (param $arguments i32) (param $arguments-length i32) (result i32)
  (call $file-system.touch (i32.const 4096) (i32.const 11) (i32.const 8192))
  (i64.store (i32.const 4096) (i64.const 0))
  (i64.store (i32.const 4104) (i64.const 0))
  (i64.store (i32.const 4112) (i64.const 0))
  (i32.const 4096))
