"""Measure calls of the async and of the blocking client by turns; print in microseconds what a call takes.

python -m benchmarks.programs.client_calls URL CALLS

It prints the p50 of what a blocking call takes beyond the awaited one before it, and the p50 of the latter.
"""

import asyncio
import sys
import time
from statistics import median

from jobgate.client import BlockingClient, Client


async def _awaited(client: Client) -> float:
    started = time.perf_counter()
    await client.call("noop")
    return time.perf_counter() - started


def _blocking(client: BlockingClient) -> float:
    started = time.perf_counter()
    client.call("noop")
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    url, calls = sys.argv[1], int(sys.argv[2])
    client = Client(url)
    with asyncio.Runner() as runner, BlockingClient(url) as blocking:
        runner.run(client.__aenter__())
        # By turns: what else runs on the machine slows both.
        pairs = [(runner.run(_awaited(client)), _blocking(blocking)) for _ in range(calls)]
        runner.run(client.close())
    warm = pairs[calls // 10 :]
    print(median(ours - theirs for theirs, ours in warm) * 1e6, median(theirs for theirs, _ in warm) * 1e6)


if __name__ == "__main__":
    main()
