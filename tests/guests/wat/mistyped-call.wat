;; Calls a function as one of another type.
(table $table funcref (elem $attack))
(func $attack (param $source i32) (param $length i32)
  (call_indirect $table (i32.const 0)))
