;; Two megabytes: the script, what the host returns, and a guest's own data from the address 4096 on.
(memory $memory 32)
