;; Never comes to its beginning.
(func $begin
  (loop $again (br $again)))
(start $begin)
