;; Wants a table of four billion elements to begin with.
(table $table 0xffffffff funcref)
