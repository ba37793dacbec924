"""What every producer of the comparison does, with its own library: enqueue, and enqueue and wait.

python -m benchmarks.programs.LIBRARY_jobs COMMAND COUNT [MORE]

    many COUNT NAME [JSON]    enqueues as one does that has many jobs; JSON is the list of arguments
    one COUNT                 enqueues one after another
    call COUNT AT_ONCE        enqueues and waits, so many at a time

It prints a JSON document with the `seconds` of all, and for calls what each `took`.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Producer:
    """The calls of a library."""

    #: Holds its connections open.
    opened: Callable[[], AbstractAsyncContextManager[Any]]
    #: Enqueues a function so many times.
    many: Callable[[str, int, list[Any]], Awaitable[None]]
    #: Enqueues `noop` once.
    one: Callable[[], Awaitable[Any]]
    #: Calls `noop` and waits until it has ended.
    call: Callable[[], Awaitable[None]]

    def run(self) -> None:
        """Do what the command line says."""
        print(json.dumps(asyncio.run(self._do(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))))

    async def _do(self, command: str, count: int, more: list[str]) -> dict[str, Any]:
        took: list[float] = []
        async with self.opened():
            await self.one() if command == "one" else None  # connects
            begun = time.perf_counter()
            if command == "many":
                await self.many(more[0], count, json.loads(more[1]) if more[1:] else [])
            elif command == "one":
                for _ in range(count):
                    await self.one()
            else:
                at_once = int(more[0])
                callers = (self._calls(count // at_once, took) for _ in range(at_once))
                await asyncio.gather(*callers)
            return {"seconds": time.perf_counter() - begun, "took": sorted(took)}

    async def _calls(self, count: int, took: list[float]) -> None:
        for _ in range(count):
            begun = time.perf_counter()
            await self.call()
            took.append(time.perf_counter() - begun)
