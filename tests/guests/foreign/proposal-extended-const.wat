;; Computes where a global begins.
(component
  (import "rex:host/clock@0.1.0" (instance))
  (import "rex:host/file-system@0.1.0" (instance))
  (import "rex:host/log@0.1.0" (instance))
  (import "rex:host/types@0.1.0" (instance))
  (core module
    (global i32 (i32.add (i32.const 1) (i32.const 2)))))
