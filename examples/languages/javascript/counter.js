// Counts the requests to each path.

import { increment } from "wasi:keyvalue/atomics@0.2.0-draft2";
import { open } from "wasi:keyvalue/store@0.2.0-draft2";

addEventListener("fetch", (event) => event.respondWith(answer(event.request)));

async function answer(request) {
  const path = new URL(request.url).pathname;
  try {
    const count = increment(open("default"), path, 1n);
    return new Response(`Counter ${path}: ${count}\n`);
  } catch (error) {
    return new Response(`${error.payload?.tag ?? error}\n`, { status: 500 });
  }
}
