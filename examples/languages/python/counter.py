"""Counts the requests to each path, and sends the body of a POST back as it arrives."""

import asyncio
from urllib.parse import urlsplit

from componentize_py_types import Ok
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
        if isinstance(request.method(), Method_Post):
            loop = PollLoop()
            asyncio.set_event_loop(loop)
            loop.run_until_complete(echo(request, response_out))
        else:
            answer(response_out, count(request.path_with_query() or "/"))


def count(target: str) -> str:
    path = urlsplit(target).path
    bucket = store.open("default")
    return f"Counter {path}: {atomics.increment(bucket, path, 1)}\n"


def answer(response_out: ResponseOutparam, text: str) -> None:
    body = begin(response_out)
    with body.write() as stream:
        stream.blocking_write_and_flush(text.encode())
    OutgoingBody.finish(body, None)


async def echo(request: IncomingRequest, response_out: ResponseOutparam) -> None:
    received = Stream(request.consume())
    sent = Sink(begin(response_out))
    while (chunk := await received.next()) is not None:
        await sent.send(chunk)
    sent.close()


def begin(response_out: ResponseOutparam) -> OutgoingBody:
    """Starts a response, and returns the body that is still to be written."""
    response = OutgoingResponse(Fields.from_list([("content-type", b"text/plain")]))
    body = response.body()
    ResponseOutparam.set(response_out, Ok(response))
    return body
