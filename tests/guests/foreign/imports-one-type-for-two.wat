;; Takes files and directories for the same, so that the handle of one would do for the other.
(component
  (import "rex:host/clock@0.1.0" (instance))
  (import "rex:host/file-system@0.1.0" (instance
    (export "dir" (type $dir (sub resource)))
    (export "file" (type (eq $dir)))))
  (import "rex:host/log@0.1.0" (instance))
  (import "rex:host/types@0.1.0" (instance)))
