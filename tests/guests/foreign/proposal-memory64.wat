;; Has memory of 64-bit addresses.
(component
  (import "rex:host/clock@0.1.0" (instance))
  (import "rex:host/file-system@0.1.0" (instance))
  (import "rex:host/log@0.1.0" (instance))
  (import "rex:host/types@0.1.0" (instance))
  (core module
    (memory i64 1)))
