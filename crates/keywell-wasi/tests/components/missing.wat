;; Opens the default bucket, gets the key `k`, and answers the trace of the first error, or nothing.
(component
  (import "wasi:keyvalue/wasi-cloud-error" (instance $errors
    (export "error" (type $error (sub resource)))
    (export "[method]error.trace" (func (param "self" (borrow $error)) (result string)))))
  (alias export $errors "error" (type $error))
  (import "wasi:keyvalue/types" (instance $types
    (export "error" (type $error' (eq $error)))
    (export "bucket" (type $bucket (sub resource)))
    (export "incoming-value" (type $value (sub resource)))
    (export "[static]bucket.open-bucket" (func (param "name" string)
      (result (result (own $bucket) (error (own $error'))))))))
  (alias export $types "bucket" (type $bucket))
  (alias export $types "incoming-value" (type $value))
  (import "wasi:keyvalue/readwrite" (instance $readwrite
    (export "bucket" (type $bucket' (eq $bucket)))
    (export "error" (type $error' (eq $error)))
    (export "incoming-value" (type $value' (eq $value)))
    (export "get" (func (param "bucket" (borrow $bucket')) (param "key" string)
      (result (result (own $value') (error (own $error'))))))))

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

  (alias export $errors "[method]error.trace" (func $trace))
  (alias export $types "[static]bucket.open-bucket" (func $open))
  (alias export $readwrite "get" (func $get))
  (core func $trace' (canon lower (func $trace) (memory $memory) (realloc $realloc)))
  (core func $open' (canon lower (func $open) (memory $memory) (realloc $realloc)))
  (core func $get' (canon lower (func $get) (memory $memory) (realloc $realloc)))

  (core module $main
    (import "memory" "memory" (memory 1))
    (import "host" "trace" (func $trace (param i32 i32)))
    (import "host" "open" (func $open (param i32 i32 i32)))
    (import "host" "get" (func $get (param i32 i32 i32 i32)))
    ;; A result at 16: a tag, then a handle four bytes on. A string at 32: its place and its length.
    (func (export "missing") (result i32)
      (call $open (i32.const 0) (i32.const 0) (i32.const 16))
      (if (i32.eqz (i32.load8_u (i32.const 16))) (then
        (call $get (i32.load (i32.const 20)) (i32.const 0) (i32.const 1) (i32.const 16))))
      (if (i32.load8_u (i32.const 16)) (then
        (call $trace (i32.load (i32.const 20)) (i32.const 32))))
      (i32.const 32)))
  (core instance $main (instantiate $main
    (with "memory" (instance $lent))
    (with "host" (instance
      (export "trace" (func $trace'))
      (export "open" (func $open'))
      (export "get" (func $get'))))))

  (func (export "missing") (result string)
    (canon lift (core func $main "missing") (memory $memory))))
