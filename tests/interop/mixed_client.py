"""A stock arq client and a caller of the gateway in one.

`mixed_client.py REDIS GATEWAY JOBS RATE LOOKERS PAUSE`: so many jobs, so many a second, so many that look at
them, with a pause in seconds after each look.

It enqueues jobs of all kinds, in turn as an arq client and over HTTP, and goes on until SIGUSR1 says that it
is enough; it looks at them all the time in both ways, and ends when all jobs have ended.

It writes JSON lines: `["job", id, kind, due, due at the latest]`, `["outcome", id, arq's, gateway's]` and
`["look", id, before, arq, gateway, arq again, after]`.
"""

import asyncio
import itertools
import json
import random
import signal
import sys
import time
from collections import deque
from typing import Any

from arq import create_pool
from arq.connections import RedisSettings
from arq.jobs import Job

#: Kind of job: function, args, seconds to defer.
KINDS: dict[str, tuple[str, list[Any], float]] = {
    "quick": ("quick", [], 0),
    "slow": ("slow", [0.3], 0),
    "later": ("again", [0.5], 0),
    "at once": ("again", [None], 0),
    "failing": ("fail", [], 0),
    "deferred": ("quick", [], 1),
    "thread": ("blocking", [0.15], 0),
}
#: How often each is chosen.
SHARES = [6, 3, 4, 2, 2, 3, 2]
#: So many jobs come at once.
BURST = 20
REDIS, GATEWAY = sys.argv[1:3]
JOBS, RATE, LOOKERS, PAUSE = (float(word) for word in sys.argv[3:])


def write(*words: Any) -> None:
    """Write a line."""
    sys.stdout.write(json.dumps(words) + "\n")


class Http:
    """One connection to the gateway."""

    async def open(self) -> "Http":
        """Connect."""
        host, port = GATEWAY.rpartition("//")[2].split(":")
        self.reader, self.writer = await asyncio.open_connection(host, int(port))
        return self

    async def ask(self, method: str, path: str, document: Any = None) -> tuple[int, Any]:
        """Send a request; return status and JSON."""
        body = b"" if document is None else json.dumps(document).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        self.writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        first, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines if line)
        answer = await self.reader.readexactly(int(headers["content-length"]))
        return int(first.split()[1]), json.loads(answer)


class Client:
    """Enqueues, looks, and knows which jobs have ended."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool
        self.kinds: dict[str, str] = {}
        self.open: deque[str] = deque()
        self.ended: list[str] = []
        self.is_enough = self.is_all = False

    def enough(self) -> None:
        """Enqueue no more than was asked for."""
        self.is_enough = True

    async def enqueue(self) -> None:
        """Enqueue all jobs, so many a second, in bursts: then jobs wait."""
        http, began = await Http().open(), time.time()
        for number in itertools.count():
            if number >= JOBS and self.is_enough:
                break
            kind = random.choices(list(KINDS), SHARES)[0]
            function, args, defer = KINDS[kind]
            job_id, now = f"j{number}", time.time()
            if number % 2:
                options = {"_defer_by": defer} if defer else {}
                assert await self.pool.enqueue_job(function, *args, _job_id=job_id, **options)
            else:
                document = {"args": args, "job_id": job_id, **({"defer_by": defer} if defer else {})}
                status, answer = await http.ask("POST", f"/jobs/{function}", document)
                assert status == 202, answer
            write("job", job_id, kind, now + defer, time.time() + defer)
            self.open.append(job_id)
            if number % BURST == 0:
                await asyncio.sleep(max(0, began + number / RATE - time.time()))
        self.is_all = True

    async def look_on(self) -> None:
        """Look at one job after the other, until all have ended; at ended ones now and then."""
        http = await Http().open()
        while self.open or not self.is_all:
            await asyncio.sleep(PAUSE)
            if self.ended and random.random() < 0.1:
                await self.look(http, random.choice(self.ended))
            elif self.open:
                # Nobody else looks at it meanwhile: its looks are in order.
                job_id = self.open.popleft()
                is_open = await self.look(http, job_id) != "complete"
                (self.open if is_open else self.ended).append(job_id)

    async def look(self, http: Http, job_id: str) -> str:
        """Look at a job as arq does, as the gateway does, and as arq does again."""
        job, before = Job(job_id, self.pool), time.time()
        first = await job.status()
        status, answer = await http.ask("GET", f"/jobs/{job_id}/status")
        gateways = answer["status"] if status == 200 else "not_found"
        again = await job.status()
        write("look", job_id, before, first.value, gateways, again.value, time.time())
        return str(again.value)

    async def outcomes(self) -> None:
        """Read how each job has ended, in both ways."""
        http = await Http().open()
        for job_id in self.ended:
            known = await Job(job_id, self.pool).result_info()
            assert known is not None, f"arq finds no result of {job_id}"
            _, answer = await http.ask("GET", f"/jobs/{job_id}/result")
            _, job = await http.ask("GET", f"/jobs/{job_id}/status")
            theirs = [known.success, known.result if known.success else repr(known.result), known.job_try]
            failure = answer.get("error") or {}
            ours = answer.get("result") if answer["success"] else f"{failure['type']}('{failure['message']}')"
            write("outcome", job_id, theirs, [answer["success"], ours, job["try"]])


async def main() -> None:
    client = Client(await create_pool(RedisSettings.from_dsn(REDIS)))
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, client.enough)
    await asyncio.gather(client.enqueue(), *(client.look_on() for _ in range(int(LOOKERS))))
    await client.outcomes()


asyncio.run(main())
