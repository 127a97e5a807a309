;; Gives the host 200 megabytes in one call.
(func $attack (param $source i32) (param $length i32)
  (drop (memory.grow (i32.const 3200)))
  (call $log.write (i32.const 4) (i32.const 0) (i32.const 0x100000) (i32.const 200000000)))
