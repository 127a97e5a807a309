;; Uses the handle of a file as one of a directory.
(func $attack (param $source i32) (param $length i32)
  (call $dir.entries (call $open (local.get $source) (local.get $length)) (i32.const 4096)))
