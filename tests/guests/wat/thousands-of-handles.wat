;; Opens more than it may, and goes on after each refusal. Breaks down if there is none.
(func $attack (param $source i32) (param $length i32)
  (local $count i32) (local $refused i32)
  (loop $again
    (call $file.open (local.get $source) (local.get $length) (i32.const 1) (i32.const 4096))
    (local.set $refused (i32.add (local.get $refused) (i32.load8_u (i32.const 4096))))
    (local.set $count (i32.add (local.get $count) (i32.const 1)))
    (br_if $again (i32.lt_u (local.get $count) (i32.const 1500))))
  (if (i32.eqz (local.get $refused)) (then (drop (i32.div_u (i32.const 1) (i32.const 0))))))
