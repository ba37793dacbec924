"""Measure calls of the async and of the blocking client side by side; print the p50 of both in microseconds.

python -m benchmarks.blocking URL CALLS
"""

import asyncio
import sys
import time
from statistics import median

from jobgate.client import BlockingClient, Client

#: Calls of one client before it is the turn of the other: what else runs on the machine then slows both.
TURN = 50


async def _awaited(url: str, calls: int) -> list[float]:
    took = []
    async with Client(url) as client:
        await client.call("noop")
        for _ in range(calls):
            started = time.perf_counter()
            await client.call("noop")
            took.append(time.perf_counter() - started)
    return took


def _blocking(url: str, calls: int) -> list[float]:
    took = []
    with BlockingClient(url) as client:
        client.call("noop")
        for _ in range(calls):
            started = time.perf_counter()
            client.call("noop")
            took.append(time.perf_counter() - started)
    return took


def main() -> None:
    """Measure and print."""
    url, calls = sys.argv[1], int(sys.argv[2])
    asyncio.run(_awaited(url, TURN))
    _blocking(url, TURN)
    awaited: list[float] = []
    blocking: list[float] = []
    for _ in range(max(1, calls // TURN)):
        awaited += asyncio.run(_awaited(url, TURN))
        blocking += _blocking(url, TURN)
    print(median(blocking) * 1e6, median(awaited) * 1e6)


if __name__ == "__main__":
    main()
