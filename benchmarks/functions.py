"""The function that all workers of the benchmarks run: nothing."""

from typing import Any, ClassVar


async def noop(ctx: dict[str, Any]) -> None:
    """Return at once: what is measured is the queue, not the work."""


class WorkerSettings:
    """Both workers run 100 jobs at once."""

    functions: ClassVar[list[Any]] = [noop]
    max_jobs = 100
