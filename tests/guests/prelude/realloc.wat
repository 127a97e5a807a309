;; Gives out memory from the first megabyte on, and takes none back.
(global $heap (mut i32) (i32.const 0x100000))
(func $realloc (param $old i32) (param $size i32) (param $align i32) (param $new i32) (result i32)
  (local $at i32)
  (local.set $at
    (i32.and
      (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
  (global.set $heap (i32.add (local.get $at) (local.get $new)))
  (block $fits
    (loop $more
      (br_if $fits (i32.le_u (global.get $heap) (i32.shl (memory.size) (i32.const 16))))
      (br_if $more (i32.ge_s (memory.grow (i32.const 16)) (i32.const 0))))
    unreachable)
  (local.get $at))
