"""The functions of a user."""

from typing import Any

from jobgate.worker import Retry, cron


async def add(ctx: dict[str, Any], a: int, b: int) -> int:
    return a + b


async def charge(ctx: dict[str, Any], order: int) -> str:
    if ctx["job_try"] == 1:
        raise Retry(defer=60)
    return f"charged {order}"


def report(ctx: dict[str, Any]) -> str:
    return "sent"


class WorkerSettings:
    functions = (add, charge)
    cron_jobs = (cron(report, hour=3, minute=0),)
