;; Never comes back after its result was taken.
(func $after (param $result i32)
  (loop $again (br $again)))
