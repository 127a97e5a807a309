  ;; The rest of a component that brings the core instance $attacker with the function `attack`, which is called in place of a script.
  (core module $Main
    (import "attacker" "attack" (func $attack))
    (memory (export "memory") 1)
    (data (i32.const 1024) "survived" "null")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8192))
    (func (export "run") (param i32 i32 i32 i32) (result i32)
      (call $attack)
      (i32.store (i32.const 1048) (i32.const 1024))
      (i32.store (i32.const 1052) (i32.const 8))
      (i32.store (i32.const 1056) (i32.const 1032))
      (i32.store (i32.const 1060) (i32.const 4))
      (i32.const 1040))
    (func (export "init")))
  (core instance $main (instantiate $Main (with "attacker" (instance $attacker))))
  (alias core export $main "memory" (core memory $memory))
  (alias core export $main "realloc" (core func $realloc))

  (type $position (record (field "line" u32) (field "column" u32)))
  (type $fault (enum "arguments" "syntax" "runtime"))
  (type $script-error (record
    (field "fault" $fault) (field "message" string) (field "position" (option $position)) (field "cause" (option u64))))
  (type $value (record (field "text" string) (field "json" string)))
  (type $Run (func (param "source" string) (param "arguments" string) (result (result $value (error $script-error)))))
  (type $Check (func (param "source" string) (param "arguments" string) (result (result (error $script-error)))))
  (func $run (type $Run) (canon lift (core func $main "run") (memory $memory) (realloc $realloc)))
  (func $check (type $Check) (canon lift (core func $main "run") (memory $memory) (realloc $realloc)))
  (func $init (canon lift (core func $main "init")))

  ;; What an interface exports has to have names.
  (component $Script
    (type $position-type (record (field "line" u32) (field "column" u32)))
    (import "position" (type $position (eq $position-type)))
    (type $fault-type (enum "arguments" "syntax" "runtime"))
    (import "fault" (type $fault (eq $fault-type)))
    (type $script-error-type (record
      (field "fault" $fault) (field "message" string) (field "position" (option $position)) (field "cause" (option u64))))
    (import "script-error" (type $script-error (eq $script-error-type)))
    (type $value-type (record (field "text" string) (field "json" string)))
    (import "value" (type $value (eq $value-type)))
    (import "run" (func $run
      (param "source" string) (param "arguments" string) (result (result $value (error $script-error)))))
    (import "check" (func $check
      (param "source" string) (param "arguments" string) (result (result (error $script-error)))))
    (export $position-out "position" (type $position-type))
    (export $fault-out "fault" (type $fault-type))
    (type $script-error-named (record
      (field "fault" $fault-out) (field "message" string) (field "position" (option $position-out)) (field "cause" (option u64))))
    (export $script-error-out "script-error" (type $script-error-named))
    (export $value-out "value" (type $value-type))
    (export "run" (func $run) (func
      (param "source" string) (param "arguments" string) (result (result $value-out (error $script-error-out)))))
    (export "check" (func $check) (func
      (param "source" string) (param "arguments" string) (result (result (error $script-error-out))))))
  (instance $script (instantiate $Script
    (with "position" (type $position)) (with "fault" (type $fault)) (with "script-error" (type $script-error))
    (with "value" (type $value)) (with "run" (func $run)) (with "check" (func $check))))
  (export "init" (func $init))
  (export "rex:host/script@0.1.0" (instance $script)))
