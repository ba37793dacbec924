"""Functions with types that are more than JSON: `harness.functions.typed_functions.WorkerSettings`."""

import enum
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from jobgate.worker import job

Context = dict[str, Any]


class Colour(enum.Enum):
    """A value of an Enum."""

    RED = "red"


@dataclass
class Part:
    """A dataclass, with what JSON does not have."""

    data: bytes
    price: Decimal
    sizes: set[int] = field(default_factory=set)


class Order(BaseModel):
    """A model, with an alias and other types inside; bytes inside a model are as its settings say."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
    id: UUID
    day: date = Field(alias="the-day")
    parts: list[Part] = []
    colour: Colour | None = None


async def order(ctx: Context, what: Order, *, pause: timedelta = timedelta(0)) -> Order:
    """Return a model as it came."""
    assert type(what) is Order
    assert type(pause) is timedelta
    return what


async def moment(ctx: Context, value: datetime) -> datetime:
    """Return a datetime as it came."""
    assert type(value) is datetime
    return value


async def several(
    ctx: Context, pair: tuple[int, Colour], names: set[str], data: bytes, by_day: dict[date, Decimal]
) -> tuple[tuple[int, Colour], set[str], bytes, dict[date, Decimal]]:
    """Return all of them as they came."""
    assert type(data) is bytes
    return pair, names, data, by_day


async def spans(ctx: Context, /, *all_of_them: timedelta, at: time, **paths: Path) -> list[timedelta]:
    """Return the durations as they came."""
    assert all(isinstance(one, Path) for one in paths.values())
    return [*all_of_them, timedelta(hours=at.hour)]


def parts(ctx: Context, one: Part, count: int) -> list[Part]:
    """Return a dataclass several times; a plain function."""
    assert type(one) is Part
    return [one] * count


@job(name="typed.renamed")
async def renamed(ctx: Context, a: int, b: int = 1) -> int:
    """Return the sum."""
    return a + b


@job()
async def newer(ctx: Context) -> str:
    """Return what callers with an older version do not expect."""
    return "tomorrow"


class WorkerSettings:
    """The functions above."""

    functions: ClassVar[list[Any]] = [order, moment, several, spans, parts, renamed, newer]
