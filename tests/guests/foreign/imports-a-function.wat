;; Wants a function outside of all interfaces.
(component
  (import "rex:host/clock@0.1.0" (instance))
  (import "rex:host/file-system@0.1.0" (instance))
  (import "rex:host/log@0.1.0" (instance))
  (import "rex:host/types@0.1.0" (instance))
  (import "backdoor" (func (param "command" string) (result string))))
