;; Never comes back.
(func $attack (param $source i32) (param $length i32)
  (loop $again (br $again)))
