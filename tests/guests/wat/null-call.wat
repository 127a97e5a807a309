;; Calls through an empty entry of a table.
(table $table 1 funcref)
(func $attack (param $source i32) (param $length i32)
  (call_indirect $table (i32.const 0)))
