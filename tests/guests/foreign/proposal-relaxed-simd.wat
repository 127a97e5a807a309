;; Computes what differs from processor to processor.
(component
  (import "rex:host/clock@0.1.0" (instance))
  (import "rex:host/file-system@0.1.0" (instance))
  (import "rex:host/log@0.1.0" (instance))
  (import "rex:host/types@0.1.0" (instance))
  (core module
    (func (param v128 v128) (result v128) (i8x16.relaxed_swizzle (local.get 0) (local.get 1)))))
