"""Example functions with types: generated clients and the gateway know what they take and return."""

from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from jobgate.worker import job

Context = dict[str, Any]

#: Units of each currency for one euro; a real shop would ask its bank.
_RATES = {"EUR": Decimal(1), "USD": Decimal("1.08"), "CHF": Decimal("0.94")}
_CENT = Decimal("0.01")


class Language(Enum):
    """The language of a bill."""

    ENGLISH = "en"
    GERMAN = "de"


class Customer(BaseModel):
    """Who gets a bill."""

    name: Annotated[str, Field(min_length=1)]
    street: str | None = None
    language: Language = Language.ENGLISH


class Position(BaseModel):
    """One line of a bill."""

    article: str
    count: Annotated[int, Field(gt=0)] = 1
    price: Annotated[Decimal, Field(ge=0, decimal_places=2)]


class Bill(BaseModel):
    """A bill, ready to be printed."""

    title: str
    customer: Customer
    positions: list[Position]
    total: Decimal
    due: date


@job(timeout=30)
async def make_invoice(
    ctx: Context,
    customer: Customer,
    positions: Annotated[list[Position], Field(min_length=1)],
    ordered: datetime | None = None,
    *,
    days: Annotated[int, Field(ge=0, le=365)] = 30,
) -> Bill:
    """Make a bill for an order.

    Args:
        ctx: The job's context.
        customer: Who gets the bill.
        positions: What was ordered.
        ordered: When; by default now.
        days: Days until the bill must be paid.

    Returns:
        The bill with its total.
    """
    start = ordered or datetime.now(UTC)
    return Bill(
        title="Rechnung" if customer.language is Language.GERMAN else "Invoice",
        customer=customer,
        positions=positions,
        total=sum((one.count * one.price for one in positions), Decimal(0)),
        due=(start + timedelta(days=days)).date(),
    )


async def convert_prices(
    ctx: Context, prices: dict[str, Decimal], currency: Literal["EUR", "USD", "CHF"] = "USD"
) -> dict[str, Decimal]:
    """Convert prices from euros.

    Args:
        ctx: The job's context.
        prices: The price of each article, in euros.
        currency: What to convert them to.

    Returns:
        The price of each article in that currency, rounded to cents.
    """
    rate = _RATES[currency]
    return {article: (price * rate).quantize(_CENT, ROUND_HALF_UP) for article, price in prices.items()}
