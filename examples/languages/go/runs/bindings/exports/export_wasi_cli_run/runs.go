// Package export_wasi_cli_run counts how often it was run, by the name in its argument.
package export_wasi_cli_run

import (
	"fmt"
	"os"

	"go.bytecodealliance.org/pkg/wit/types"
	"runs/bindings/imports/wasi_keyvalue_atomics"
	"runs/bindings/imports/wasi_keyvalue_store"
)

// Run is the command.
func Run() types.Result[types.Unit, types.Unit] {
	name := "runs"
	if len(os.Args) > 1 {
		name = os.Args[1]
	}
	bucket := wasi_keyvalue_store.Open("default")
	if bucket.IsErr() {
		return fail("cannot open the bucket:", bucket.Err())
	}
	counted := wasi_keyvalue_atomics.Increment(bucket.Ok(), name, 1)
	if counted.IsErr() {
		return fail("cannot count:", counted.Err())
	}
	fmt.Printf("%s: %d\n", name, counted.Ok())
	return types.Ok[types.Unit, types.Unit](types.Unit{})
}

func fail(what string, err wasi_keyvalue_store.Error) types.Result[types.Unit, types.Unit] {
	fmt.Fprintln(os.Stderr, what, err)
	return types.Err[types.Unit](types.Unit{})
}
