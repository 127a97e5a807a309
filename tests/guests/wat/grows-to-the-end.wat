;; Takes memory until there is none.
(func $attack (param $source i32) (param $length i32)
  (loop $again (drop (memory.grow (i32.const 1))) (br $again)))
