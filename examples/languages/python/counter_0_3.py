"""Counts the requests to each path, and sends the body of a POST back as it arrives, on WASI 0.3."""

from urllib.parse import urlsplit

import wit_world
from componentize_py_async_support import spawn
from componentize_py_async_support.streams import ByteStreamReader, ByteStreamWriter
from componentize_py_types import Ok
from wit_world import exports
from wit_world.imports import atomics, store
from wit_world.imports.wasi_http_types import Fields, Method_Post, Request, Response

CHUNK = 16 * 1024


class Handler(exports.Handler):
    async def handle(self, request: Request) -> Response:
        if isinstance(request.get_method(), Method_Post):
            body = echo(request)
        else:
            body = counted(request.get_path_with_query() or "/")
        headers = Fields.from_list([("content-type", b"text/plain")])
        response, _sent = Response.new(headers, body, no_trailers())
        return response


def counted(target: str) -> ByteStreamReader:
    path = urlsplit(target).path
    bucket = store.open("default")
    text = f"Counter {path}: {atomics.increment(bucket, path, 1)}\n"
    writer, reader = wit_world.byte_stream()
    # The response is returned before its body is written.
    spawn(write(writer, text.encode()))
    return reader


def echo(request: Request) -> ByteStreamReader:
    _, received = wit_world.result_unit_wasi_http_types_error_code_future(lambda: Ok(None))
    body, _trailers = Request.consume_body(request, received)
    writer, reader = wit_world.byte_stream()
    spawn(copy(body, writer))
    return reader


async def write(writer: ByteStreamWriter, data: bytes) -> None:
    with writer:
        await writer.write_all(data)


async def copy(body: ByteStreamReader, writer: ByteStreamWriter) -> None:
    with body, writer:
        while not body.writer_dropped and not writer.reader_dropped:
            await writer.write_all(await body.read(CHUNK))


def no_trailers():
    futures = wit_world.result_option_wasi_http_types_fields_wasi_http_types_error_code_future
    return futures(lambda: Ok(None))[1]
