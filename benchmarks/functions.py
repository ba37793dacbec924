"""The functions that the workers of the benchmarks run: they do nothing."""

from datetime import datetime
from typing import Any, ClassVar


async def noop(ctx: dict[str, Any]) -> None:
    """Return at once: what is measured is the queue, not the work."""


async def typed(
    ctx: dict[str, Any], customer: int, name: str, amount: float, when: datetime, tags: list[str]
) -> None:
    """Return at once: the gateway checks five arguments."""


async def untyped(ctx, customer, name, amount, when, tags):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Return at once: the gateway checks that there are five arguments."""


class WorkerSettings:
    """Both workers run 100 jobs at once."""

    functions: ClassVar[list[Any]] = [noop, typed, untyped]
    max_jobs = 100
