;; Makes handles of a resource of its own without end.
  (type $thing (resource (rep i32)))
  (core func $new (canon resource.new $thing))
  (core module $Attacker
    (import "host" "new" (func $new (param i32) (result i32)))
    (func (export "attack")
      (loop $again (drop (call $new (i32.const 7))) (br $again))))
  (core instance $attacker (instantiate $Attacker (with "host" (instance (export "new" (func $new))))))
