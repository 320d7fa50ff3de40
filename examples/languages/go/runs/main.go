// Counts how often it was run, by the name in its argument.
package main

import (
	"fmt"
	"os"

	"runs/bindings/imports/wasi_keyvalue_atomics"
	"runs/bindings/imports/wasi_keyvalue_store"
)

func main() {
	name := "runs"
	if len(os.Args) > 1 {
		name = os.Args[1]
	}
	bucket := wasi_keyvalue_store.Open("default")
	if bucket.IsErr() {
		fmt.Fprintln(os.Stderr, "cannot open the bucket:", bucket.Err())
		os.Exit(1)
	}
	counted := wasi_keyvalue_atomics.Increment(bucket.Ok(), name, 1)
	if counted.IsErr() {
		fmt.Fprintln(os.Stderr, "cannot count:", counted.Err())
		os.Exit(1)
	}
	fmt.Printf("%s: %d\n", name, counted.Ok())
}
