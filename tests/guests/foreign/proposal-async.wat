;; Is asynchronous.
(component
  (import "rex:host/clock@0.1.0" (instance))
  (import "rex:host/file-system@0.1.0" (instance))
  (import "rex:host/log@0.1.0" (instance))
  (import "rex:host/types@0.1.0" (instance))
  (core module $M (func (export "f") (result i32) unreachable) (func (export "c") (param i32 i32 i32) (result i32) unreachable))
  (core instance $m (instantiate $M))
  (func (export "f") async (canon lift (core func $m "f") async (callback (func $m "c")))))
