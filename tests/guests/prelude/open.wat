;; Opens the file that the script names, for reading and writing, and gives its handle.
(func $open (param $path i32) (param $length i32) (result i32)
  (call $file.open (local.get $path) (local.get $length) (i32.const 3) (i32.const 2048))
  (if (i32.load8_u (i32.const 2048)) (then unreachable))
  (i32.load (i32.const 2056)))
