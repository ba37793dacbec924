"""Functions with type hints, and what these cost as a worker starts.

python -m benchmarks.programs.many_functions

This prints the seconds until 500 typed functions are described and published.
"""

import time
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field, create_model

if TYPE_CHECKING:
    from jobgate.worker.vitals.publisher import Publisher

Ctx = dict[str, Any]
FUNCTIONS = 500


class Size(Enum):
    """A size."""

    SMALL = "small"
    LARGE = "large"


class Line(BaseModel):
    """One line of an order."""

    article: str
    count: Annotated[int, Field(gt=0)] = 1
    size: Size = Size.SMALL


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
