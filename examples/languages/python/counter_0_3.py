"""Counts the requests to each path, on WASI 0.3. A POST gets its body back as it arrives, and
`/digests?url=URL&url=URL` the digests of what is there."""

from urllib.parse import parse_qs, urlsplit

import wit_world
from componentize_py_async_support import spawn
from componentize_py_async_support.streams import ByteStreamReader, ByteStreamWriter
from digests_0_3 import CHUNK, no_trailers, received, send_digests
from wit_world import exports
from wit_world.imports import atomics, store
from wit_world.imports.wasi_http_types import Fields, Method_Post, Request, Response


class Handler(exports.Handler):
    async def handle(self, request: Request) -> Response:
        target = urlsplit(request.get_path_with_query() or "/")
        # The response is returned before its body is written.
        writer, body = wit_world.byte_stream()
        if isinstance(request.get_method(), Method_Post):
            sent, _trailers = Request.consume_body(request, received())
            spawn(copy(sent, writer))
        elif target.path == "/digests":
            spawn(send_digests(parse_qs(target.query).get("url", []), writer))
        else:
            spawn(write(writer, count(target.path)))
        headers = Fields.from_list([("content-type", b"text/plain")])
        response, _sent = Response.new(headers, body, no_trailers())
        return response


def count(path: str) -> str:
    bucket = store.open("default")
    return f"Counter {path}: {atomics.increment(bucket, path, 1)}\n"


async def write(writer: ByteStreamWriter, text: str) -> None:
    with writer:
        await writer.write_all(text.encode())


async def copy(body: ByteStreamReader, writer: ByteStreamWriter) -> None:
    with body, writer:
        while not body.writer_dropped and not writer.reader_dropped:
            await writer.write_all(await body.read(CHUNK))
