"""A job that runs until a test lets it go."""

import asyncio
from typing import Any

from jobgate.worker import func


class Held:
    """The job `hold`, and what has happened to it."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.starts = self.cancelled = 0

    async def hold(self, ctx: dict[str, Any]) -> str:
        self.starts += 1
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return "held"

    @property
    def functions(self) -> list[Any]:
        return [func(self.hold, name="hold")]
