;; Writes beyond the largest memory that there is.
(func $attack (param $source i32) (param $length i32)
  (i64.store offset=0xffffffff (i32.const 0x7fffffff) (i64.const 1)))
