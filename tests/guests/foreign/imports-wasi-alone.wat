;; Wants the environment of WASI and nothing else.
(component
  (import "wasi:cli/environment@0.2.6" (instance (export "get-arguments" (func (result (list string)))))))
