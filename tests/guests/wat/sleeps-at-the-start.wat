;; Calls the host before it is instantiated, and waits there.
(func $begin
  (call $clock.sleep (i64.const -1)))
(start $begin)
