"""NDJSON: lines are read, enqueued and answered in chunks, while more of them arrive."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Final

from jobgate.gateway.batch.chunk import results
from jobgate.gateway.batch.items import item_of_line
from jobgate.gateway.batch.results import problem_result
from jobgate.gateway.batch.turns import in_turns
from jobgate.gateway.context import Call
from jobgate.gateway.http import NDJSON, BodyLines, Line, Problem, StreamedAnswer

#: Most lines that are handled together. Other requests wait meanwhile, for a few milliseconds.
_MOST_LINES: Final = 128


def stream_answer(call: Call) -> StreamedAnswer:
    """Return an answer that has one line for each line of the request which is not empty, in order.

    If it ends early, its last line has a problem with `next_line`: lines from this number on were not read.
    """
    settings = call.gateway.settings
    lines = BodyLines(call.request, limit=call.max_body, deadline=settings.body_deadline)
    return StreamedAnswer(_pieces(call, lines), content_type=NDJSON)


async def _pieces(call: Call, lines: BodyLines) -> AsyncGenerator[bytes, None]:
    """Yield the results of each chunk, while Redis enqueues the next one."""
    early: Problem | None = None
    before: asyncio.Task[bytes] | None = None
    next_line = 1
    with lines:
        try:
            while early is None:
                if before is not None and not lines.at_hand:
                    yield await before
                    before = None
                try:
                    taken = await _taken(call, lines)
                except Problem as problem:
                    early = problem
                    break
                if not taken:
                    break
                next_line = lines.number + 1
                chunk = asyncio.create_task(_answered(call, taken))
                if before is not None:
                    yield await before
                before = chunk
            if before is not None:
                yield await before
            if early is not None:
                yield problem_result(call, early, next_line=next_line) + b"\n"
        finally:
            if before is not None and not before.done():
                before.cancel()
                await asyncio.gather(before, return_exceptions=True)


async def _taken(call: Call, lines: BodyLines) -> Sequence[Line]:
    """Return the next lines, none at the end; raises `Problem` if no more are read."""
    gateway = call.gateway
    taken = await gateway.waits.run(lambda: lines.take(_MOST_LINES))
    if taken is None:
        raise Problem(
            "shutting-down", "Send the lines from next_line on to another gateway, or again in a moment."
        )
    if gateway.keys is not None:
        # The key may have been revoked, or changed, since the first line.
        call.caller = gateway.keys.caller(call.request.headers.get("Authorization"))
    return taken


async def _answered(call: Call, lines: Sequence[Line]) -> bytes:
    async with call.gateway.batches:
        found = await results(call, [item_of_line(call, line) async for line in in_turns(lines)])
    return b"\n".join([*found, b""])
