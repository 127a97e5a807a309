;; Wants four gigabytes to begin with.
(memory $memory 65536)
