;; Lets go of a file as if it were a directory.
(func $attack (param $source i32) (param $length i32)
  (call $dir.drop (call $open (local.get $source) (local.get $length))))
