// Counts the requests to each path.

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "counter.h"

static void answer(wasi_http_types_own_response_outparam_t out, uint16_t status, const char *text);

static bool count(counter_string_t *path, int64_t *n) {
  counter_string_t name;
  counter_string_set(&name, "default");
  wasi_keyvalue_store_own_bucket_t bucket;
  wasi_keyvalue_store_error_t error;
  if (!wasi_keyvalue_store_open(&name, &bucket, &error)) {
    wasi_keyvalue_store_error_free(&error);
    return false;
  }
  bool counted = wasi_keyvalue_atomics_increment(wasi_keyvalue_store_borrow_bucket(bucket), path, 1,
                                                 n, &error);
  if (!counted) wasi_keyvalue_store_error_free(&error);
  wasi_keyvalue_store_bucket_drop_own(bucket);
  return counted;
}

void exports_wasi_http_incoming_handler_handle(wasi_http_types_own_incoming_request_t request,
                                               wasi_http_types_own_response_outparam_t out) {
  counter_string_t path;
  if (!wasi_http_types_method_incoming_request_path_with_query(
          wasi_http_types_borrow_incoming_request(request), &path)) {
    counter_string_dup(&path, "/");
  }
  const uint8_t *query = memchr(path.ptr, '?', path.len);
  if (query != NULL) path.len = query - path.ptr;

  int64_t n;
  char text[4096];
  if (count(&path, &n)) {
    snprintf(text, sizeof text, "Counter %.*s: %" PRId64 "\n", (int)path.len, path.ptr, n);
    answer(out, 200, text);
  } else {
    answer(out, 500, "the count is not to be had\n");
  }
  counter_string_free(&path);
  wasi_http_types_incoming_request_drop_own(request);
}

static void answer(wasi_http_types_own_response_outparam_t out, uint16_t status, const char *text) {
  wasi_http_types_own_outgoing_response_t response =
      wasi_http_types_constructor_outgoing_response(wasi_http_types_constructor_fields());
  wasi_http_types_borrow_outgoing_response_t borrowed =
      wasi_http_types_borrow_outgoing_response(response);
  wasi_http_types_method_outgoing_response_set_status_code(borrowed, status);
  wasi_http_types_own_outgoing_body_t body;
  wasi_http_types_method_outgoing_response_body(borrowed, &body);
  wasi_http_types_result_own_outgoing_response_error_code_t result = {.is_err = false};
  result.val.ok = response;
  wasi_http_types_static_response_outparam_set(out, &result);

  wasi_http_types_own_output_stream_t stream;
  wasi_http_types_method_outgoing_body_write(wasi_http_types_borrow_outgoing_body(body), &stream);
  // One write takes 4096 bytes. It fails where the client went away.
  counter_list_u8_t bytes = {.ptr = (uint8_t *)text, .len = strlen(text)};
  wasi_io_streams_stream_error_t closed;
  if (!wasi_io_streams_method_output_stream_blocking_write_and_flush(
          wasi_io_streams_borrow_output_stream(stream), &bytes, &closed)) {
    wasi_io_streams_stream_error_free(&closed);
  }
  wasi_io_streams_output_stream_drop_own(stream);
  wasi_http_types_error_code_t error;
  if (!wasi_http_types_static_outgoing_body_finish(body, NULL, &error)) {
    wasi_http_types_error_code_free(&error);
  }
}
