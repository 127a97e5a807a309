;; Says that its result lies at an odd address.
(func $run (param i32 i32 i32 i32) (result i32)
  (i32.const 4097))
