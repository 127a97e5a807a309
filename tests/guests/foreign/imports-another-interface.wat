;; Wants processes, which this host does not have.
(component
  (import "rex:host/clock@0.1.0" (instance))
  (import "rex:host/file-system@0.1.0" (instance))
  (import "rex:host/log@0.1.0" (instance))
  (import "rex:host/types@0.1.0" (instance))
  (import "rex:host/process@0.1.0" (instance (export "start" (func (param "program" string))))))
