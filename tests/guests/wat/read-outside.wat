;; Reads beyond its memory.
(func $attack (param $source i32) (param $length i32)
  (drop (i32.load (i32.const 0x40000000))))
