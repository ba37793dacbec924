"""What workers of both kinds run in the interop tests: imported beside any arq, and beside jobgate alone."""

import asyncio
import json
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

try:
    from arq import Retry, func
    from arq.connections import RedisSettings
except ImportError:
    from jobgate.arq import Retry, func
    from jobgate.arq.connections import RedisSettings

Context = dict[str, Any]
#: A hash of the runs of each job: its id -> how often it was started.
RUNS = "test:runs"
UTC = timezone.utc  # noqa: UP017 (the script runs with whatever Python arq has)


class Refused(Exception):
    """A user's own exception."""

    def __init__(self, what: str, number: int) -> None:
        super().__init__(what, number)
        self.number = number


@dataclass
class Point:
    """A user's own class."""

    x: int
    y: int


async def echo(ctx: Context, *args: Any, **kwargs: Any) -> Any:
    """Return the arguments as they arrived, and the try."""
    return {"args": list(args), "kwargs": kwargs, "try": ctx["job_try"]}


async def work(ctx: Context, number: int) -> Any:
    """Count this run; fail for every tenth number, else return plain data made of it."""
    await ctx["redis"].hincrby(RUNS, ctx["job_id"], 1)
    if number % 10 == 9:
        raise ValueError(f"not {number}")
    return {"number": number, "text": "ü" * (number % 5), "list": [number / 4, None, [str(number)]]}


async def all_kinds(ctx: Context) -> Any:
    """Return what pickle carries and JSON does not."""
    return {
        "tuple": (1, (2, [3])),
        "set": {4},
        "moment": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "day": date(2026, 1, 2),
        "span": timedelta(minutes=1),
        "bytes": b"\x00\xff",
        "decimal": Decimal("1.10"),
        "uuid": UUID(int=7),
        "large": 2**70,
        5: "a number as key",
        "point": Point(1, 2),
        "error": ValueError("inside"),
    }


async def fail(ctx: Context, message: str) -> None:
    """Fail with this message."""
    raise ValueError(message)


async def refuse(ctx: Context) -> None:
    """Fail with an exception of one's own."""
    raise Refused("no", 7)


async def sleep(ctx: Context, seconds: float) -> str:
    """Sleep."""
    await asyncio.sleep(seconds)
    return "slept"


async def flaky(ctx: Context, until: int, defer: float = 0) -> int:
    """Ask for another try until the try number `until`."""
    if ctx["job_try"] < until:
        raise Retry(defer=defer or None)
    return int(ctx["job_try"])


async def unwritable(ctx: Context) -> Any:
    """Return what no serializer takes."""
    return lambda: None


async def self_cancelled(ctx: Context) -> None:
    """End as a job does that is cancelled and not run again."""
    raise asyncio.CancelledError


async def silent(ctx: Context) -> int:
    """Return a result that is not kept."""
    return 1


def serializers(name: str) -> tuple[Callable[[Any], bytes], Callable[[bytes], Any]]:
    """The pair of functions that a user of arq would write for JSON or msgpack."""
    if name == "json":
        return (lambda fields: json.dumps(fields).encode()), json.loads
    if name == "msgpack":
        import msgpack

        return msgpack.packb, msgpack.unpackb
    return pickle.dumps, pickle.loads


class WorkerSettings:
    """All of them; what varies comes from the environment."""

    functions: ClassVar[list[Any]] = [
        *(echo, work, all_kinds, fail, refuse, flaky, unwritable, sleep, self_cancelled),
        func(sleep, name="sleep_briefly", timeout=0.3),
        func(flaky, name="flaky_twice", max_tries=2),
        func(silent, keep_result=0),
    ]
    redis_settings = RedisSettings.from_dsn(os.environ.get("REDIS_URL", "redis://"))
    queue_name = os.environ.get("QUEUE", "arq:queue")
    poll_delay = float(os.environ.get("POLL_DELAY", "0.5"))
    max_jobs = int(os.environ.get("MAX_JOBS", "100"))
    retry_jobs = os.environ.get("RETRY_JOBS", "yes") == "yes"
    allow_abort_jobs = True
    if "SERIALIZER" in os.environ:
        job_serializer, job_deserializer = serializers(os.environ["SERIALIZER"])
