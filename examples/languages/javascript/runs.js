// Counts how often it was run, by the name in its argument.

import { getArguments } from "wasi:cli/environment@0.2.10";
import { increment } from "wasi:keyvalue/atomics@0.2.0-draft2";
import { open } from "wasi:keyvalue/store@0.2.0-draft2";

export const run = {
  run() {
    const name = getArguments()[1] ?? "runs";
    console.log(`${name}: ${increment(open("default"), name, 1n)}`);
  },
};
