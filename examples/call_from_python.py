"""Call the example functions from Python: `python examples/call_from_python.py [URL]`.

URL is that of a gateway, by default http://127.0.0.1:8080 as started by `make run`, or that of Redis.
"""

import asyncio
import sys
from pathlib import Path

from jobgate.client import Client, JobAborted, JobFailed

#: A file that the worker can read if it runs on this machine.
README = str(Path(__file__).resolve().parent.parent / "README.md")


async def main(url: str) -> None:
    """Call a function, enqueue a job and wait for it, and show a failure and an abort."""
    async with Client(url) as client:
        print("words:", await client.call("count_words", README, _timeout=5))

        later = await client.enqueue("hash_file", README, algorithm="sha256", _defer_by=1)
        print("hash_file is", await later.status())
        print("sha256:", await later.result(timeout=30))

        try:
            await client.call("count_words", "no such file", _timeout=5)
        except JobFailed as error:
            print("failed:", error.type)

        report = await client.enqueue("slow_report", 60)
        print("aborted:", await report.abort(timeout=10))
        try:
            await report.result(timeout=5)
        except JobAborted:
            print("slow_report has no result")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"))
