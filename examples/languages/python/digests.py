"""Downloads several URLs at once, and sends the SHA-256 of each as soon as it is known."""

import asyncio
from hashlib import sha256
from urllib.parse import urlsplit

from poll_loop import Sink, Stream, send
from wit_world.imports.types import Fields, OutgoingRequest, Scheme_Http


async def send_digests(urls: list[str], sink: Sink) -> None:
    for line in asyncio.as_completed([digest(url) for url in urls]):
        await sink.send((await line).encode())
    sink.close()


async def digest(url: str) -> str:
    parts = urlsplit(url)
    request = OutgoingRequest(Fields())
    request.set_scheme(Scheme_Http())
    request.set_authority(parts.netloc)
    request.set_path_with_query(parts.path)
    response = await send(request)
    body = Stream(response.consume())
    hasher = sha256()
    while (chunk := await body.next()) is not None:
        hasher.update(chunk)
    return f"{hasher.hexdigest()} {parts.path}\n"
