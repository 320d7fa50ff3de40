// Counts how often it was run, by the name in its argument.

#include <inttypes.h>
#include <stdio.h>

#include "imports.h"

int main(int argc, char **argv) {
  imports_string_t bucket_name, name;
  imports_string_set(&bucket_name, "default");
  imports_string_set(&name, argc > 1 ? argv[1] : "runs");

  wasi_keyvalue_store_own_bucket_t bucket;
  wasi_keyvalue_store_error_t error;
  int64_t n;
  if (!wasi_keyvalue_store_open(&bucket_name, &bucket, &error) ||
      !wasi_keyvalue_atomics_increment(wasi_keyvalue_store_borrow_bucket(bucket), &name, 1, &n,
                                       &error)) {
    fprintf(stderr, "the count is not to be had: error %d\n", error.tag);
    return 1;
  }
  printf("%.*s: %" PRId64 "\n", (int)name.len, name.ptr, n);
  wasi_keyvalue_store_bucket_drop_own(bucket);
  return 0;
}
