;; Acts after its result was taken.
(func $after (param $result i32)
  (call $file-system.touch (i32.const 0x100000) (i32.const 8) (i32.const 4096)))
