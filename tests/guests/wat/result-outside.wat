;; Says that its result lies beyond its memory.
(func $run (param i32 i32 i32 i32) (result i32)
  (i32.const -8))
