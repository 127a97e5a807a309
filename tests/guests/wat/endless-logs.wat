;; Writes a megabyte to the log without end: few instructions and much time.
(func $attack (param $source i32) (param $length i32)
  (memory.fill (i32.const 0x100000) (i32.const 0x61) (i32.const 0x100000))
  (loop $again
    (call $log.write (i32.const 4) (i32.const 0) (i32.const 0x100000) (i32.const 0x100000))
    (br $again)))
