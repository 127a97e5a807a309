;; Exports `run` as a function of a number.
(component
  (import "rex:host/clock@0.1.0" (instance))
  (import "rex:host/file-system@0.1.0" (instance))
  (import "rex:host/log@0.1.0" (instance))
  (import "rex:host/types@0.1.0" (instance))
  (core module $Main (func (export "init")) (func (export "run") (param i32)))
  (core instance $main (instantiate $Main))
  (func $init (canon lift (core func $main "init")))
  (func $run (param "source" u32) (canon lift (core func $main "run")))
  (instance $script (export "run" (func $run)) (export "check" (func $run)))
  (export "init" (func $init))
  (export "rex:host/script@0.1.0" (instance $script)))
