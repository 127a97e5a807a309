;; Fills its memory without end: few instructions and much time.
(func $attack (param $source i32) (param $length i32)
  (drop (memory.grow (i32.const 1024)))
  (loop $again
    (memory.fill (i32.const 0) (i32.const 1) (i32.shl (memory.size) (i32.const 16)))
    (br $again)))
