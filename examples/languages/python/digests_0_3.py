"""Downloads several URLs at once, and sends the SHA-256 of each as soon as it is known."""

import asyncio
from hashlib import sha256
from urllib.parse import urlsplit

import wit_world
from componentize_py_async_support.streams import ByteStreamWriter
from componentize_py_types import Ok
from wit_world.imports import client
from wit_world.imports.wasi_http_types import Fields, Request, Response, Scheme_Http

CHUNK = 16 * 1024


async def send_digests(urls: list[str], writer: ByteStreamWriter) -> None:
    with writer:
        for line in asyncio.as_completed([digest(url) for url in urls]):
            await writer.write_all((await line).encode())


async def digest(url: str) -> str:
    parts = urlsplit(url)
    request, _sent = Request.new(Fields(), None, no_trailers(), None)
    request.set_scheme(Scheme_Http())
    request.set_authority(parts.netloc)
    request.set_path_with_query(parts.path)
    response = await client.send(request)
    body, _trailers = Response.consume_body(response, received())
    hasher = sha256()
    with body:
        while not body.writer_dropped:
            hasher.update(await body.read(CHUNK))
    return f"{hasher.hexdigest()} {parts.path}\n"


def no_trailers():
    futures = wit_world.result_option_wasi_http_types_fields_wasi_http_types_error_code_future
    return futures(lambda: Ok(None))[1]


def received():
    return wit_world.result_unit_wasi_http_types_error_code_future(lambda: Ok(None))[1]
