;; Has a resource of its own whose destructor never comes back.
  (core module $Destructor
    (func (export "drop") (param i32) (loop $again (br $again))))
  (core instance $destructor (instantiate $Destructor))
  (type $thing (resource (rep i32) (dtor (func $destructor "drop"))))
  (core func $new (canon resource.new $thing))
  (core func $drop (canon resource.drop $thing))
  (core module $Attacker
    (import "host" "new" (func $new (param i32) (result i32)))
    (import "host" "drop" (func $drop (param i32)))
    (func (export "attack") (call $drop (call $new (i32.const 7)))))
  (core instance $attacker (instantiate $Attacker
    (with "host" (instance (export "new" (func $new)) (export "drop" (func $drop))))))
