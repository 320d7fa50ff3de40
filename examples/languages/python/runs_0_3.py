"""Counts how often it was run, by the name in its argument, on WASI 0.3."""

import asyncio
import sys

from wit_world import exports
from wit_world.imports import atomics, store


class Run(exports.Run):
    async def run(self) -> None:
        await asyncio.sleep(0)
        name = sys.argv[1] if len(sys.argv) > 1 else "runs"
        bucket = store.open("default")
        print(f"{name}: {atomics.increment(bucket, name, 1)}")
