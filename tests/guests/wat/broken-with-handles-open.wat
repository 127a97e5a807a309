;; Breaks down with files open and others half removed.
(func $attack (param $source i32) (param $length i32)
  (call $file.remove (call $open (local.get $source) (local.get $length)) (i32.const 4096))
  (drop (i32.div_u (i32.const 1) (i32.const 0))))
