;; Does what its script says: hexadecimal digits of what goes to the address 0x80000. First the number of calls, then for each the
;; number of the function and sixteen arguments, all of eight bytes; what follows is for the arguments to point to.
(func $digit (param $character i32) (result i32)
  (if (result i32) (i32.ge_u (local.get $character) (i32.const 0x61))
    (then (i32.sub (local.get $character) (i32.const 0x57)))
    (else (i32.sub (local.get $character) (i32.const 0x30)))))
(func $byte (param $at i32) (result i32)
  (i32.or
    (i32.shl (call $digit (i32.load8_u (local.get $at))) (i32.const 4))
    (call $digit (i32.load8_u offset=1 (local.get $at)))))
(func $attack (param $source i32) (param $length i32)
  (local $to i32) (local $calls i32)
  (local.set $to (i32.const 0x80000))
  (loop $bytes
    (i32.store8 (local.get $to) (call $byte (local.get $source)))
    (local.set $to (i32.add (local.get $to) (i32.const 1)))
    (local.set $source (i32.add (local.get $source) (i32.const 2)))
    (br_if $bytes (local.tee $length (i32.sub (local.get $length) (i32.const 2)))))
  (local.set $calls (i32.load (i32.const 0x80000)))
  (local.set $to (i32.const 0x80008))
  (loop $call
    (call $dispatch (i32.load (local.get $to)) (i32.add (local.get $to) (i32.const 8)))
    (local.set $to (i32.add (local.get $to) (i32.const 136)))
    (br_if $call (local.tee $calls (i32.sub (local.get $calls) (i32.const 1))))))
