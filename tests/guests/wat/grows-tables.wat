;; Makes its table as large as it can.
;; After two failures it gives in.
(table $table 1 funcref)
(func $attack (param $source i32) (param $length i32)
  (local $failures i32)
  (loop $again
    (if (i32.eq (table.grow $table (ref.null func) (i32.const 1000)) (i32.const -1))
      (then (local.set $failures (i32.add (local.get $failures) (i32.const 1)))))
    (br_if $again (i32.lt_u (local.get $failures) (i32.const 2)))))
