"""Measure calls of the async and of the blocking client; print in microseconds what a call takes.

python -m benchmarks.programs.client_calls URL CALLS

It prints the p50 of a blocking call beyond that of an awaited one, and the latter.

What a call takes depends on the call before it: gateway and worker still have something to do for that one
when its result has arrived. So each measured call follows a call of the same client, and the clients have
their turns in random order. Measured in this way, the async client takes 0 µs beyond itself; with strict
turns it took 25 to 50.
"""

import asyncio
import random
import sys
import time
from collections.abc import Callable
from statistics import median

from jobgate.client import BlockingClient, Client


async def _awaited(client: Client) -> float:
    await client.call("noop")
    started = time.perf_counter()
    await client.call("noop")
    return time.perf_counter() - started


def _blocking(client: BlockingClient) -> float:
    client.call("noop")
    started = time.perf_counter()
    client.call("noop")
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    url, calls = sys.argv[1], int(sys.argv[2])
    client = Client(url)
    awaited: list[float] = []
    blocked: list[float] = []
    with asyncio.Runner() as runner, BlockingClient(url) as blocking:
        runner.run(client.__aenter__())
        turns: list[Callable[[], None]] = [
            lambda: awaited.append(runner.run(_awaited(client))),
            lambda: blocked.append(_blocking(blocking)),
        ]
        for _ in range(calls):
            # Both in each round: what else runs on the machine slows both.
            for turn in random.sample(turns, 2):
                turn()
        runner.run(client.close())
    theirs, ours = (median(times[calls // 10 :]) * 1e6 for times in (awaited, blocked))
    print(ours - theirs, theirs)


if __name__ == "__main__":
    main()
