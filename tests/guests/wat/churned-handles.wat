;; Opens and lets go, over and over.
(func $attack (param $source i32) (param $length i32)
  (local $count i32)
  (loop $again
    (call $file.drop (call $open (local.get $source) (local.get $length)))
    (local.set $count (i32.add (local.get $count) (i32.const 1)))
    (br_if $again (i32.lt_u (local.get $count) (i32.const 1000)))))
