"""The examples' functions and one with nested models, for generated clients."""

from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from examples.settings import WorkerSettings as Examples


class Delivery(Enum):
    """How an order is sent."""

    POST = "post"
    COURIER = "courier"


class Line(BaseModel):
    """One line of an order."""

    sku: str
    count: int = Field(1, gt=0, description="How many of it.")
    price: Decimal


class Order(BaseModel):
    """What somebody wants to have."""

    id: UUID
    lines: list[Line]
    placed: datetime
    tags: set[str] = set()


class Card(BaseModel):
    """Payment by card."""

    kind: Literal["card"]
    number: str


class Invoice(BaseModel):
    """Payment after delivery."""

    kind: Literal["invoice"]
    days: int = 30


class Receipt(BaseModel):
    """What an order costs."""

    order: Order
    total: Decimal
    delivery: Delivery
    paid_by: Card | Invoice = Field(discriminator="kind")


async def place_order(
    ctx: dict[str, Any],
    order: Order,
    payment: Card | Invoice,
    *,
    delivery: Delivery = Delivery.POST,
    limits: dict[str, int] | None = None,
) -> Receipt:
    """Place an order.

    Args:
        ctx: The job's context.
        order: What is wanted.
        payment: How it is paid.
        delivery: How it is sent.
        limits: Most pieces, by article.
    """
    total = sum((line.price * line.count for line in order.lines), Decimal(0))
    return Receipt(order=order, total=total, delivery=delivery, paid_by=payment)


class WorkerSettings(Examples):
    """Serves them all."""

    functions: ClassVar[list[Any]] = [*Examples.functions, place_order]
