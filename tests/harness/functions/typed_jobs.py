"""Functions with type hints for a real worker; importable, so that they run in processes too."""

import asyncio
import dataclasses
import itertools
from collections.abc import Generator, Iterable
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict

from jobgate.worker.invocation import RUNNING_JOB

Ctx = dict[str, Any]


class Line(BaseModel):
    model_config = ConfigDict(frozen=True)
    article: str
    count: int = 1


@dataclasses.dataclass
class Invoice:
    lines: list[Line]
    due: datetime
    total: float
    scan: bytes


async def invoice(ctx: Ctx, lines: list[Line], due: datetime, *sizes: int, scan: bytes = b"") -> Invoice:
    assert all(isinstance(one, Line) for one in lines)
    assert isinstance(due, datetime)
    return Invoice(lines, due, float(sum(sizes)), scan)


def invoice_in_thread(ctx: Ctx, lines: list[Line], due: datetime, scan: bytes = b"") -> Invoice:
    assert isinstance(lines[0], Line)
    return Invoice(lines, due, 0, scan)


async def kinds(ctx: Ctx, a: int, b: date) -> list[str]:
    return [type(a).__name__, type(b).__name__]


def raising(value: int) -> int:
    if value == 1:
        raise KeyError(value)
    if value == 2:
        raise SystemExit(value)
    if value == 3:
        raise RecursionError
    if value == 4:
        raise asyncio.CancelledError
    raise ValueError("it must be 0")


async def guarded(ctx: Ctx, value: Annotated[int, AfterValidator(raising)]) -> None: ...


def outlasting_lease(value: int) -> int:
    """Take as long as the lease, as a validator may that lets no other thread run; once for each job."""
    job: Any = RUNNING_JOB.get()
    if job.tries == 1:
        job.lease_until = 0.0
    return value


async def slowly_validated(ctx: Ctx, value: Annotated[int, AfterValidator(outlasting_lease)]) -> int:
    return int(ctx["job_try"])


async def wrong_result(ctx: Ctx, value: Any) -> set[int]:
    return value  # type: ignore[no-any-return]


async def untyped_result(ctx, value):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    return {"line": Line(article=value), "day": date(2026, 1, 2)}


def endless(ctx: Ctx) -> Generator[int, None, None]:
    yield from itertools.count()


def a_few(ctx: Ctx) -> Iterable[int]:
    yield from [1, 2]
