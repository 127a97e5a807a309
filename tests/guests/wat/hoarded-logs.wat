;; Writes hundreds of long messages to the log, 32 gigabytes together.
(func $attack (param $source i32) (param $length i32)
  (local $count i32)
  (drop (memory.grow (i32.const 512)))
  (loop $again
    (call $log.write (i32.const 4) (i32.const 0) (i32.const 0x100000) (i32.const 0x2000000))
    (local.set $count (i32.add (local.get $count) (i32.const 1)))
    (br_if $again (i32.lt_u (local.get $count) (i32.const 1000)))))
