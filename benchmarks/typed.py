"""Functions with type hints, and what these cost as a worker starts.

python -m benchmarks.typed     prints the seconds until 500 typed functions are described and published
"""

import time
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field, create_model

if TYPE_CHECKING:
    from jobgate.worker.vitals.publisher import Publisher

Ctx = dict[str, Any]
FUNCTIONS = 500
#: The arguments of one job; five of them.
ARGS: list[Any] = [
    42,
    ["a", "b"],
    {"article": "pen", "count": 3, "size": "large"},
    "2026-01-02T10:00:00Z",
    "123e4567-e89b-42d3-a456-426614174000",
]


class Size(Enum):
    """A size."""

    SMALL = "small"
    LARGE = "large"


class Line(BaseModel):
    """One line of an order."""

    article: str
    count: Annotated[int, Field(gt=0)] = 1
    size: Size = Size.SMALL


async def typed(ctx: Ctx, number: int, tags: list[str], line: Line, due: datetime, key: UUID) -> None:
    """Do nothing with typed arguments."""


async def untyped(ctx: Ctx, number: Any, tags: Any, line: Any, due: Any, key: Any) -> None:
    """Do nothing."""


def functions(count: int = FUNCTIONS) -> list[Any]:
    """Return functions with five typed parameters each, every fifth one with a model of its own."""
    from jobgate.worker import func

    return [func(_function(number), name=f"function_{number}") for number in range(count)]


def _function(number: int) -> Callable[..., Any]:
    model = create_model(f"Order{number}", line=(Line, ...), note=(str, "")) if number % 5 == 0 else Line

    async def call(
        ctx: Ctx,
        number: int,
        tags: list[str],
        order: Any,
        due: datetime | None = None,
        *,
        size: Size = Size.SMALL,
    ) -> Any:
        """Do something.

        Args:
            ctx: The context.
            number: A number.
            tags: Some tags.
            order: An order.
            due: When it is due.
            size: How large it is.
        """

    call.__annotations__ |= {"order": model, "return": model}
    return call


def start() -> tuple[float, "Publisher"]:
    """Return the seconds until all functions are described and encoded, and what would publish them."""
    from jobgate.broker import Broker
    from jobgate.worker import Settings
    from jobgate.worker.vitals.publisher import Publisher

    offered = functions()
    started = time.perf_counter()
    resolved = Settings.of(offered).resolved()
    publisher = Publisher(Broker(), [one.document for one in resolved.values()])
    return time.perf_counter() - started, publisher


if __name__ == "__main__":
    print(start()[0])
