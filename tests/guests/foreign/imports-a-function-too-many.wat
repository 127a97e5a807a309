;; Wants one function more of an interface that there is.
(component
  (import "rex:host/clock@0.1.0" (instance))
  (import "rex:host/file-system@0.1.0" (instance))
  (import "rex:host/log@0.1.0" (instance (export "shout" (func (param "message" string)))))
  (import "rex:host/types@0.1.0" (instance)))
