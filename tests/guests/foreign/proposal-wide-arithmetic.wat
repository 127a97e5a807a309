;; Multiplies to 128 bits.
(component
  (import "rex:host/clock@0.1.0" (instance))
  (import "rex:host/file-system@0.1.0" (instance))
  (import "rex:host/log@0.1.0" (instance))
  (import "rex:host/types@0.1.0" (instance))
  (core module
    (func (param i64 i64) (result i64 i64) (i64.mul_wide_u (local.get 0) (local.get 1)))))
