;; Writes where a stack that lies at the beginning of the memory overflows to.
(func $attack (param $source i32) (param $length i32)
  (i32.store (i32.const -64) (i32.const 1)))
