"""A small shop's jobs, for pictures and tests of the dashboard: quick ones, slow ones, ones that fail."""

import asyncio
import random
from typing import Any, ClassVar

from jobgate.worker import Retry, cron, func

Ctx = dict[str, Any]


class PaymentDeclined(Exception):
    """The bank says no."""


async def send_invoice(ctx: Ctx, number: int, lang: str = "en") -> str:
    """Send an invoice to its customer.

    Args:
        number: The invoice.
        lang: Language of the letter.

    Returns:
        The address that it was sent to.
    """
    await asyncio.sleep(random.uniform(0.02, 0.3))
    if number % 23 == 0:
        raise ConnectionRefusedError(f"smtp.example.com:587 refused the connection for invoice {number}")
    return f"customer-{number}@example.com"


async def charge_card(ctx: Ctx, order: str, cents: int) -> dict[str, Any]:
    """Charge the card of an order."""
    await asyncio.sleep(random.uniform(0.05, 0.4))
    if cents % 7 == 0:
        raise PaymentDeclined(f"order {order}: insufficient funds ({cents / 100:.2f} EUR)")
    return {"order": order, "charged": cents / 100, "receipt": f"rc_{random.getrandbits(40):010x}"}


async def resize_image(ctx: Ctx, path: str, width: int = 1200) -> str:
    """Make a smaller copy of a picture."""
    await asyncio.sleep(random.uniform(0.3, 1.5))
    if path.endswith("7.jpg") and ctx["job_try"] < 3:
        raise Retry(defer=2)
    return path.replace(".jpg", f"-{width}.jpg")


async def export_orders(ctx: Ctx, year: int, rows: int = 4000) -> dict[str, int]:
    """Write all orders of a year to a file, and report progress."""
    for page in range(40):
        await ctx["progress"](page / 40, f"row {page * rows // 40:,} of {rows:,}")
        await asyncio.sleep(rows / 4000)
    return {"rows": rows}


async def sync_stock(ctx: Ctx, warehouse: str) -> int:
    """Compare the stock of a warehouse with the shop's; takes too long."""
    await asyncio.sleep(60)
    return 0


async def newsletter(ctx: Ctx, issue: int) -> None:
    """Send an issue of the newsletter to everybody."""


async def nightly_backup(ctx: Ctx) -> None:
    """Copy the database to the other data centre."""
    await asyncio.sleep(random.uniform(0.5, 2))


async def refresh_rates(ctx: Ctx) -> int:
    """Fetch the exchange rates of the day."""
    await asyncio.sleep(random.uniform(0.05, 0.3))
    if random.random() < 0.2:
        raise TimeoutError("rates.example.com did not answer within 2 s")
    return 31


class WorkerSettings:
    """Runs everything but the newsletter, whose queue has no worker."""

    functions = (
        send_invoice, charge_card, func(resize_image, timeout=20), export_orders, func(sync_stock, timeout=3),
    )  # fmt: skip
    cron_jobs = (
        cron(nightly_backup, hour=3, minute=0, timeout=3600),
        cron(nightly_backup, name="weekly_report", weekday="mon", hour={9, 17}, minute=30),
        cron(refresh_rates, second={0, 20, 40}),
        cron(refresh_rates, name="close_carts", minute={10, 40}, keep_result=600),
    )
    timezone = "Europe/Berlin"
    queues: ClassVar = {"arq:queue": 2, "shop:billing": 3, "shop:images": 1}
    max_jobs = 10
    keep_result = 7200
    max_tries = 3
