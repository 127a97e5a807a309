;; Called when the host has taken what `run` gave.
(func $after (param $result i32))
