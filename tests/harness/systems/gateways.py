"""A gateway inside the test's own event loop, and a worker that the test plays by hand."""

import asyncio
import itertools
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from harness.tools import free_port
from harness.waiting import eventually_async
from jobgate.broker import (
    Broker,
    ClaimedJob,
    Failure,
    FailureCode,
    FunctionDocument,
    JobResult,
    Transition,
    WorkerRecord,
)
from jobgate.broker.catalogue import Catalogue
from jobgate.gateway import GatewaySettings
from jobgate.gateway.server import serve


class RunningGateway:
    """A served gateway with a client session for it."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session
        #: Set it to end the gateway.
        self.stop = asyncio.Event()

    @property
    def port(self) -> int:
        """Its port on 127.0.0.1."""
        return int(self.url.rpartition(":")[2])

    async def ask(self, method: str, path: str, **options: Any) -> tuple[int, Any, Any]:
        """Send a request; return status, JSON (or bytes) and headers."""
        async with self.session.request(method, self.url + path, **options) as answer:
            body = await answer.read()
            is_json = "json" in answer.headers.get("Content-Type", "").replace("ndjson", "lines")
            return answer.status, (await answer.json(content_type=None)) if is_json else body, answer.headers

    async def post(self, path: str, document: Any = None, **options: Any) -> tuple[int, Any, Any]:
        """POST a JSON document."""
        return await self.ask("POST", path, json=document, **options)

    async def get(self, path: str, **options: Any) -> tuple[int, Any, Any]:
        """GET."""
        return await self.ask("GET", path, **options)


@asynccontextmanager
async def running_gateway(redis_url: str, **options: Any) -> AsyncIterator[RunningGateway]:
    """Serve a gateway until the block ends; the session trusts its certificate, and uses its Unix socket."""
    port = free_port()
    settings = GatewaySettings(**{"redis": redis_url, "port": port, "drain": 0.0, **options})
    scheme = "http"
    connector: aiohttp.BaseConnector | None = None
    if settings.unix_socket is not None:
        connector = aiohttp.UnixConnector(str(settings.unix_socket))
    if settings.tls_cert is not None:
        scheme = "https"
        connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=settings.tls_cert))
    async with aiohttp.ClientSession(connector=connector) as session:
        gateway = RunningGateway(f"{scheme}://127.0.0.1:{port}", session)
        serving = asyncio.create_task(serve(settings, gateway.stop))
        try:
            await _answers(gateway, serving)
            yield gateway
        finally:
            gateway.stop.set()
            await serving


async def _answers(gateway: RunningGateway, serving: "asyncio.Task[None]") -> None:
    while True:
        if serving.done():
            serving.result()
        try:
            await gateway.get("/livez", headers={"Host": "localhost"})
        except aiohttp.ClientConnectionError:
            await asyncio.sleep(0.01)
        else:
            return


async def waits_in_flight(gateway: RunningGateway, count: int) -> None:
    """Wait until so many requests wait."""

    async def reached() -> bool:
        _, text, _ = await gateway.get("/metrics")
        return f"jobgate_gateway_waits_in_flight {count}.0" in text.decode()

    await eventually_async(reached, what=f"{count} waits in flight")


async def functions_known(gateway: RunningGateway) -> None:
    """Wait until a gateway knows what workers offer."""

    async def known() -> bool:
        return (await gateway.post("/jobs/surely_unknown"))[0] == 404

    await eventually_async(known, what="the gateway knows what workers offer")


def catalogue_of(*functions: str) -> Catalogue:
    """Return a catalogue of functions of which nothing but the name is known."""
    return Catalogue({name: FunctionDocument(name=name) for name in functions})


#: Seconds for which a played worker has its jobs, since nobody renews their leases: a lease has 60 at most.
LEASE = 50.0


class PlayedWorker:
    """Claims and ends jobs when the test says so."""

    def __init__(
        self, broker: Broker, *functions: str, name: str = "played", queue: str = "arq:queue"
    ) -> None:
        self.broker = broker
        self.name = name
        self.queue = queue
        #: What it publishes.
        self.catalogue = catalogue_of(*functions)
        self._claims = itertools.count(1)

    @property
    def record(self) -> WorkerRecord:
        """What it says of itself."""
        return WorkerRecord(
            worker_id=self.name,
            host="test",
            pid=1,
            queues=[self.queue],
            max_jobs=1,
            in_progress=0,
            complete=0,
            failed=0,
            retried=0,
            start_time_ms=0,
            catalogue=self.catalogue.encode()[0] if self.catalogue.functions else None,
        )

    async def announce(self) -> None:
        """Publish its functions, and say that it lives."""
        if self.catalogue.functions:
            await self.broker.publish(*self.catalogue.encode())
        await self.broker.announce(self.record, ttl=15)

    async def claim(self) -> ClaimedJob:
        """Take one job; waits until there is one."""
        while True:
            token = f"{self.name}:{next(self._claims)}"
            claim = await self.broker.claim(self.queue, 1, worker_id=self.name, token=token, lease=LEASE)
            if claim.jobs:
                return claim.jobs[0]
            await self.broker.wait_for_work(self.queue, 0.2)

    async def finish(
        self, claimed: ClaimedJob, returned: Any = None, *, failure: Failure | None = None, keep: float = 60
    ) -> None:
        """End a job with a value or a failure."""
        assert claimed.body is not None
        body = self.broker.decode_job(claimed.body)
        result = JobResult(
            job_id=claimed.lease.job_id,
            function=body.function,
            args=body.args,
            kwargs=body.kwargs,
            tries=claimed.lease.tries,
            success=failure is None,
            result=returned,
            failure=failure,
            enqueue_time_ms=body.enqueue_time_ms,
            start_time_ms=body.enqueue_time_ms,
            finish_time_ms=body.enqueue_time_ms + 1,
            queue=self.queue,
            worker=self.name,
            options=body.options,
        )
        if await self.broker.finish(claimed.lease, result, keep=keep) is Transition.WANTED:
            await self.broker.finish(claimed.lease, result, keep=keep, is_wanted=True)

    async def run_one(self, returned: Any = None, *, failure: Failure | None = None) -> ClaimedJob:
        """Claim one job and end it."""
        claimed = await self.claim()
        await self.finish(claimed, returned, failure=failure)
        return claimed


ABORTED = Failure(type="CancelledError", message="", code=FailureCode.ABORTED)
