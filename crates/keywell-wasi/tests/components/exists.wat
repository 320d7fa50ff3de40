;; Opens the default bucket and answers 1 if the key `k` is there, 0 if not, and 2 for an error.
(component
  (import "wasi:keyvalue/store@0.2.0-draft2" (instance $store
    (export "bucket" (type $bucket (sub resource)))
    (type $error' (variant (case "no-such-store") (case "access-denied") (case "other" string)))
    (export "error" (type $error (eq $error')))
    (export "open" (func (param "identifier" string)
      (result (result (own $bucket) (error $error)))))
    (export "[method]bucket.exists" (func (param "self" (borrow $bucket)) (param "key" string)
      (result (result bool (error $error)))))))

  (core module $memory
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (data (i32.const 0) "k")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.get $next)
      (global.set $next (i32.add (global.get $next) (local.get 3)))))
  (core instance $lent (instantiate $memory))
  (alias core export $lent "memory" (core memory $memory))
  (alias core export $lent "realloc" (core func $realloc))

  (alias export $store "open" (func $open))
  (alias export $store "[method]bucket.exists" (func $exists))
  (core func $open' (canon lower (func $open)
    (memory $memory) (realloc $realloc)))
  (core func $exists' (canon lower (func $exists)
    (memory $memory) (realloc $realloc)))

  (core module $main
    (import "memory" "memory" (memory 1))
    (import "store" "open" (func $open (param i32 i32 i32)))
    (import "store" "exists" (func $exists (param i32 i32 i32 i32)))
    (func (export "exists") (result i32)
      ;; The result of `open` at 16: a tag, then a handle four bytes on.
      (call $open (i32.const 0) (i32.const 0) (i32.const 16))
      (if (i32.load8_u (i32.const 16)) (then (return (i32.const 2))))
      ;; The result of `exists` at 64: a tag, then a bool four bytes on.
      (call $exists (i32.load (i32.const 20)) (i32.const 0) (i32.const 1) (i32.const 64))
      (if (i32.load8_u (i32.const 64)) (then (return (i32.const 2))))
      (i32.load8_u (i32.const 68))))
  (core instance $main (instantiate $main
    (with "memory" (instance $lent))
    (with "store" (instance (export "open" (func $open')) (export "exists" (func $exists'))))))

  (func (export "exists") (result u32) (canon lift (core func $main "exists"))))
