"""A gateway that answers as a test says, for clients that are to bear it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry

from jobgate.client import (
    Client,
)

Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]


JOB = {"job_id": "a", "function": "fn", "queue": "arq:queue", "status": "queued", "success": None, "try": 0}


class Gateway:
    """Answers with one reply after another, the last one again and again; remembers what it was asked."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []
        self.registry = CollectorRegistry()
        self.url = ""

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/livez":  # the client looks who it is that hung up
            return web.Response()
        body = await request.read()
        headers = dict(request.headers)
        self.requests.append((request.method, str(request.rel_url), headers, orjson.loads(body or "null")))
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return await reply(request)  # type: ignore[arg-type]

    @property
    def job_ids(self) -> list[str]:
        return [body["job_id"] for method, _, _, body in self.requests if method == "POST"]

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[None]:
        runner = web.ServerRunner(
            web.Server(self, access_log=None, handler_cancellation=True), shutdown_timeout=0
        )
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        host, bound = runner.addresses[0][:2]
        self.url = f"http://{host}:{bound}"
        try:
            yield
        finally:
            await runner.cleanup()

    @asynccontextmanager
    async def client(self, **settings: Any) -> AsyncIterator[Client]:
        async with (
            self.serving(),
            Client(self.url, **{"request_timeout": 2, "registry": self.registry, **settings}) as client,
        ):
            yield client

    def retries(self, reason: str) -> float:
        labels = {"reason": reason}
        return self.registry.get_sample_value("jobgate_client_retries_total", labels) or 0.0


def answer(status: int, document: object, **headers: str) -> Reply:
    async def reply(request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        kind = "application/problem+json" if status >= 400 else "application/json"
        body = orjson.dumps(await about_its_job(request, document))
        return web.Response(status=status, body=body, content_type=kind, headers=named)

    return reply


async def about_its_job(request: web.Request, document: object) -> object:
    """Return a document about the job `a` as one about the job of the request."""
    if not isinstance(document, dict) or document.get("job_id") != "a":
        return document
    parts = request.path.split("/")
    if len(parts) > 3 and parts[1] == "jobs":
        return document | {"job_id": parts[2]}
    asked = orjson.loads(await request.read() or "{}")
    return document | {"job_id": asked.get("job_id", "a")}


def page(status: int) -> Reply:
    async def reply(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text="<h1>not jobgate</h1>", content_type="text/html")

    return reply


def problem(status: int, code: str, *, retryable: bool = False, headers: dict[str, str] | None = None,
            **members: Any) -> Reply:  # fmt: skip
    document = {"status": status, "code": code, "detail": f"detail of {code}", "retryable": retryable}
    return answer(status, document | members, **(headers or {}))


def success(result: object) -> Reply:
    return answer(200, {"job_id": "a", "status": "complete", "success": True, "result": result})


ACCEPTED = answer(202, JOB)


async def hang_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def never(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError
