// Package export_wasi_http_incoming_handler counts the requests to each path.
package export_wasi_http_incoming_handler

import (
	"fmt"
	"strings"

	http "counter/bindings/imports/wasi_http_types"
	"counter/bindings/imports/wasi_keyvalue_atomics"
	"counter/bindings/imports/wasi_keyvalue_store"
	"go.bytecodealliance.org/pkg/wit/types"
)

// Handle answers a request.
func Handle(request *http.IncomingRequest, out *http.ResponseOutparam) {
	path, _, _ := strings.Cut(request.PathWithQuery().SomeOr("/"), "?")
	if n, err := count(path); err == nil {
		answer(out, 200, fmt.Sprintf("Counter %s: %d\n", path, n))
	} else {
		answer(out, 500, fmt.Sprintln(err))
	}
}

func count(path string) (int64, error) {
	bucket := wasi_keyvalue_store.Open("default")
	if bucket.IsErr() {
		return 0, fmt.Errorf("cannot open the bucket: %v", bucket.Err())
	}
	defer bucket.Ok().Drop()
	counted := wasi_keyvalue_atomics.Increment(bucket.Ok(), path, 1)
	if counted.IsErr() {
		return 0, fmt.Errorf("cannot count: %v", counted.Err())
	}
	return counted.Ok(), nil
}

func answer(out *http.ResponseOutparam, status uint16, text string) {
	response := http.MakeOutgoingResponse(http.MakeFields())
	response.SetStatusCode(status)
	body := response.Body().Ok()
	http.ResponseOutparamSet(out, types.Ok[*http.OutgoingResponse, http.ErrorCode](response))
	stream := body.Write().Ok()
	// Fails where the client went away.
	stream.BlockingWriteAndFlush([]byte(text))
	stream.Drop()
	http.OutgoingBodyFinish(body, types.None[*http.Fields]())
}
