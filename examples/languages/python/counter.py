"""Counts the requests to each path. A POST gets its body back as it arrives, and
`/digests?url=URL&url=URL` the digests of what is there."""

import asyncio
from collections.abc import Coroutine
from urllib.parse import parse_qs, urlsplit

from componentize_py_types import Ok
from digests import send_digests
from poll_loop import PollLoop, Sink, Stream
from wit_world import exports
from wit_world.imports import atomics, store
from wit_world.imports.types import (
    Fields,
    IncomingRequest,
    Method_Post,
    OutgoingBody,
    OutgoingResponse,
    ResponseOutparam,
)


class IncomingHandler(exports.IncomingHandler):
    def handle(self, request: IncomingRequest, response_out: ResponseOutparam) -> None:
        target = urlsplit(request.path_with_query() or "/")
        if isinstance(request.method(), Method_Post):
            run(echo(request, Sink(begin(response_out))))
        elif target.path == "/digests":
            urls = parse_qs(target.query).get("url", [])
            run(send_digests(urls, Sink(begin(response_out))))
        else:
            answer(response_out, count(target.path))


def run(work: Coroutine) -> None:
    loop = PollLoop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(work)


def count(path: str) -> str:
    bucket = store.open("default")
    return f"Counter {path}: {atomics.increment(bucket, path, 1)}\n"


def answer(response_out: ResponseOutparam, text: str) -> None:
    body = begin(response_out)
    with body.write() as stream:
        stream.blocking_write_and_flush(text.encode())
    OutgoingBody.finish(body, None)


async def echo(request: IncomingRequest, sink: Sink) -> None:
    received = Stream(request.consume())
    while (chunk := await received.next()) is not None:
        await sink.send(chunk)
    sink.close()


def begin(response_out: ResponseOutparam) -> OutgoingBody:
    """Starts a response, and returns the body that is still to be written."""
    response = OutgoingResponse(Fields.from_list([("content-type", b"text/plain")]))
    body = response.body()
    ResponseOutparam.set(response_out, Ok(response))
    return body
