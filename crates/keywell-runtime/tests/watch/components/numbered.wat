;; Takes a number when it is made, by incrementing the key `made` of the default bucket, and writes it to the key `by` when a key is set.
(component
  (import "wasi:keyvalue/store@0.2.0-draft2" (instance $store
    (export "bucket" (type $bucket (sub resource)))
    (type $error' (variant (case "no-such-store") (case "access-denied") (case "other" string)))
    (export "error" (type $error (eq $error')))
    (export "open" (func (param "identifier" string)
      (result (result (own $bucket) (error $error)))))
    (export "[method]bucket.set" (func (param "self" (borrow $bucket)) (param "key" string)
      (param "value" (list u8)) (result (result (error $error)))))))
  (alias export $store "bucket" (type $bucket))
  (alias export $store "error" (type $error))
  (import "wasi:keyvalue/atomics@0.2.0-draft2" (instance $atomics
    (alias outer 1 $bucket (type $bucket'))
    (export "bucket" (type $bucket (eq $bucket')))
    (alias outer 1 $error (type $error'))
    (export "error" (type $error (eq $error')))
    (export "increment" (func (param "bucket" (borrow $bucket)) (param "key" string)
      (param "delta" s64) (result (result s64 (error $error)))))))

  (core module $memory
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (data (i32.const 0) "madeby")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.get $next)
      (global.set $next (i32.add (global.get $next) (local.get 3)))))
  (core instance $lent (instantiate $memory))
  (alias core export $lent "memory" (core memory $memory))
  (alias core export $lent "realloc" (core func $realloc))

  (alias export $store "open" (func $open))
  (alias export $store "[method]bucket.set" (func $set))
  (alias export $atomics "increment" (func $increment))
  (core func $open' (canon lower (func $open) (memory $memory) (realloc $realloc)))
  (core func $set' (canon lower (func $set) (memory $memory) (realloc $realloc)))
  (core func $increment' (canon lower (func $increment) (memory $memory) (realloc $realloc)))

  (core module $main
    (import "memory" "memory" (memory 1))
    (import "host" "open" (func $open (param i32 i32 i32)))
    (import "host" "set" (func $set (param i32 i32 i32 i32 i32 i32)))
    (import "host" "increment" (func $increment (param i32 i32 i32 i64 i32)))
    (func $start
      ;; The result of `open` at 16: a tag, then a handle four bytes on.
      (call $open (i32.const 0) (i32.const 0) (i32.const 16))
      (if (i32.load8_u (i32.const 16)) (then unreachable))
      ;; The result of `increment` at 64: a tag, then a number eight bytes on.
      (call $increment (i32.load (i32.const 20)) (i32.const 0) (i32.const 4) (i64.const 1) (i32.const 64))
      (if (i32.load8_u (i32.const 64)) (then unreachable))
      ;; As a digit, at 8.
      (i32.store8 (i32.const 8) (i32.add (i32.const 48) (i32.wrap_i64 (i64.load (i32.const 72))))))
    (start $start)
    (func (export "on-set") (param $bucket i32) (param i32 i32 i32 i32)
      (call $set (local.get $bucket) (i32.const 4) (i32.const 2) (i32.const 8) (i32.const 1) (i32.const 32))
      (if (i32.load8_u (i32.const 32)) (then unreachable)))
    (func (export "on-delete") (param i32 i32 i32)))
  (core instance $main (instantiate $main
    (with "memory" (instance $lent))
    (with "host" (instance
      (export "open" (func $open'))
      (export "set" (func $set'))
      (export "increment" (func $increment'))))))

  (func $on-set (param "bucket" (own $bucket)) (param "key" string) (param "value" (list u8))
    (canon lift (core func $main "on-set") (memory $memory) (realloc $realloc)))
  (func $on-delete (param "bucket" (own $bucket)) (param "key" string)
    (canon lift (core func $main "on-delete") (memory $memory) (realloc $realloc)))
  (instance $watcher (export "on-set" (func $on-set)) (export "on-delete" (func $on-delete)))
  (export "wasi:keyvalue/watcher@0.2.0-draft2" (instance $watcher)))
