;; Gives the host five megabytes in one call.
(func $attack (param $source i32) (param $length i32)
  (drop (memory.grow (i32.const 100)))
  (call $log.write (i32.const 2) (i32.const 0) (i32.const 0x100000) (i32.const 5000000)))
