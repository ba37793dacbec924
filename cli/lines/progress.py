"""How far the jobs of the lines under way are, as their functions report it."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jobgate.client import Call, Client, JobProgress

#: Seconds between two rounds of questions. Jobs that end sooner are not asked.
_STEP: Final = 1.0


class Progress:
    """The progress of the lines under way.

    Args:
        client: Asks their jobs.
        under_way: The number of each line, and the call that it means.
    """

    def __init__(self, client: "Client", under_way: Mapping[int, "Call"]) -> None:
        self._client = client
        self._under_way = under_way
        self._reported: dict[int, JobProgress] = {}

    async def follow(self) -> None:
        """Ask one job after the other, in rounds, until this is cancelled or the key may not read."""
        from jobgate.client import Forbidden, JobgateError  # noqa: PLC0415 - it takes long to import

        before: set[int] = set()
        while True:
            await asyncio.sleep(_STEP)
            self._reported = dict(self._current())
            for number in sorted(before & self._under_way.keys()):
                try:
                    await self._ask(number)
                except Forbidden:
                    return
                except JobgateError:  # it is still being enqueued, or has just ended
                    continue
            before = set(self._under_way)

    async def _ask(self, number: int) -> None:
        # It may have ended during the questions to others.
        if (call := self._under_way.get(number)) is None or call.options.job_id is None:
            return
        progress = await self._client.job(call.options.job_id).progress()
        if progress is not None:
            self._reported[number] = progress

    def _current(self) -> Mapping[int, "JobProgress"]:
        return {number: one for number, one in self._reported.items() if number in self._under_way}

    @property
    def done(self) -> float:
        """What of the lines under way is done, in lines."""
        return sum(one.fraction for one in self._current().values())

    @property
    def text(self) -> str:
        """What the first of them reports; empty if none does."""
        current = self._current()
        if not current:
            return ""
        number = min(current)
        one = current[number]
        return f"line {number:,}: {one.message or f'{one.fraction:.0%}'}"
