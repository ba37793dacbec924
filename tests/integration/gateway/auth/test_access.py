"""Each route with each kind of key, job and limit: harness/documents/access.py, which the docs show."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.documents.access import LIMITS, SCOPES, TABLE, Access, documented
from harness.systems.gateways import PlayedWorker, RunningGateway, running_gateway
from harness.waiting import eventually_async
from jobgate.broker import Broker, ClaimedJob, Failure
from jobgate.gateway import new_key
from jobgate.gateway.openapi import base_document
from jobgate.gateway.routes import ROUTES

PAGE = Path(__file__).resolve().parents[4] / "docs" / "keys.md"
PLACES = {route.name: f"{route.method} {route.path}" for route in ROUTES}
MAKER = ("enqueue:f",)
#: The smallest value of each limit.
EXHAUSTED: dict[str, dict[str, float]] = {
    "rate": {"rate": 0.001, "burst": 1},
    "pending": {"pending": 1},
    "waits": {"waits": 0},
    "max_body": {"max_body": 1},
}


@dataclass
class Keys:
    """The keys of the test, made as they are needed, and their file."""

    made: dict[str, str] = field(default_factory=dict)
    text: str = ""

    def add(self, label: str, name: str, scopes: tuple[str, ...], **limits: float) -> None:
        """Make a key of the caller `name`."""
        self.made[label], entry = new_key(name, scopes, limits=limits)
        self.text += entry

    def headers(self, label: str) -> dict[str, str]:
        """Return the headers of requests with a key."""
        return {"Authorization": f"Bearer {self.made[label]}"}


def keys_of_all_rows() -> Keys:
    keys = Keys()
    for name in ("me", "other", *LIMITS):
        keys.add(f"{name}'s maker", name, MAKER)
    for limit in ("rate", "pending"):
        keys.add(f"{limit}: the last one", limit, MAKER, **EXHAUSTED[limit])
    for row in TABLE:
        keys.add(f"{row.route}: exact", "me", row.scopes)
        for scope in row.instead:
            keys.add(f"{row.route}: instead {scope}", "me", (scope,))
        for scope in row.scopes:
            rest = tuple(each for each in SCOPES if each not in (scope, *row.instead, *row.implying))
            keys.add(f"{row.route}: without {scope}", "me", rest)
        keys.add(f"{row.route}: all jobs", "me", row.all_jobs)
        for limit, exhausted in EXHAUSTED.items():
            keys.add(f"{row.route}: {limit}", limit, row.scopes, **exhausted)
    return keys


class Story:
    """A gateway, its keys, and what was not as the table says."""

    def __init__(self, gateway: RunningGateway, keys: Keys, worker: PlayedWorker) -> None:
        self.gateway = gateway
        self.keys = keys
        self.worker = worker
        self.faults: list[str] = []
        self.running: dict[str, ClaimedJob] = {}

    async def make(self, name: str, job_id: str) -> None:
        """Enqueue a job of a caller."""
        headers = self.keys.headers(f"{name}'s maker")
        status, answer, _ = await self.gateway.post("/jobs/f", {"job_id": job_id}, headers=headers)
        assert status == 202, answer

    async def claim(self, job_id: str) -> ClaimedJob:
        """Let the worker run a job, and all that wait before it."""
        # Of one millisecond, a later one may come first.
        while job_id not in self.running:
            claimed = await self.worker.claim()
            self.running[claimed.lease.job_id] = claimed
        return self.running[job_id]

    async def end(self, job_id: str) -> None:
        """Let a job fail."""
        await self.worker.finish(await self.claim(job_id), failure=Failure(type="E", message=""))

    async def knows_functions(self) -> bool:
        """Whether the gateway has read what the worker offers."""
        answer = await self.gateway.get("/functions/f", headers=self.keys.headers("me's maker"))
        return answer[0] == 200

    async def status(self, row: Access, headers: dict[str, str], job_id: str, *, wait: bool = False) -> int:
        """Return the status of a request, or what stands for it where one answer is about many jobs."""
        method, path = PLACES[row.route].split(" ")
        for parameter, value in PARAMETERS.items():
            path = path.replace(parameter, value or job_id)
        if row.route == "function" and job_id == "unknown":
            path = "/functions/g"
        if row.route == "times" and job_id == "unknown":
            path = "/functions/nobody-s/times"
        if wait and row.route in {"enqueue", "status", "result", "abort"}:
            path += "?wait=1"
        body = BODIES.get(row.route)
        options = {"json": body} if body is not None else {}
        request = self.gateway.session.request(method, self.gateway.url + path, headers=headers, **options)
        async with request as answer:
            if row.route in {"events", "job_events"}:  # a stream that would not end
                return answer.status
            return _meant(row.route, answer.status, await answer.read(), job_id)

    async def expect(
        self, row: Access, what: str, expected: int | None, key: str, job_id: str, *, wait: bool = False
    ) -> None:
        """Note a fault unless a request is answered with this status; None = there is no such request."""
        if expected is not None:
            headers = self.keys.headers(f"{row.route}: {key}")
            found = await self.status(row, headers, job_id, wait=wait)
            if found != expected:
                self.faults.append(f"{row.route}, {what}: {found}, not {expected}")


PARAMETERS = {
    "{job_id}": "",
    "{function}": "f",
    "{queue}": "arq:queue",
    "{worker}": "",
    "{file}": "style.css",
}
BODIES: dict[str, Any] = {
    "enqueue": {"args": []},
    "enqueue_many": {"jobs": [{"function": "f"}]},
    "bulk_retry": {"ids": ["nobody-s"]},
    "bulk_abort": {"ids": ["nobody-s"]},
}


def _meant(route: str, status: int, body: bytes, job_id: str) -> int:
    if status == 200 and route == "enqueue_many":
        return int(json.loads(body)["results"][0]["status"])
    if status == 200 and route == "jobs":
        return 200 if job_id in {job["job_id"] for job in json.loads(body)["jobs"]} else 404
    return status


def test_every_route_has_a_row() -> None:
    assert sorted(row.route for row in TABLE) == sorted(PLACES)
    open_routes = {route.name for route in ROUTES if route.is_open}
    assert {row.route for row in TABLE if row.is_open} == open_routes


def test_the_api_description_has_the_refusals() -> None:
    paths = base_document()["paths"]
    missing = []
    for row in TABLE:
        method, path = PLACES[row.route].split(" ")
        wanted = set() if row.is_open else {"401", "429"}
        wanted |= {str(row.refused)} if row.scopes else set()
        wanted |= {str(LIMITS[limit]) for limit in row.limits}
        if row.route == "enqueue_many":
            wanted.discard("403")  # it is the status of a job
        lacking = wanted - set(paths[path][method.lower()]["responses"])
        missing += [f"{row.route}: {status}" for status in sorted(lacking)]
    assert missing == []


def test_the_docs_show_the_table() -> None:
    shown = PAGE.read_text()
    table = "\n".join(documented(PLACES))
    assert table.replace("|\n- ", "|\n\n- ", 1) in shown, table


async def test_each_route_answers_as_the_table_says(redis_url: str, tmp_path: Path) -> None:
    keys = keys_of_all_rows()
    (tmp_path / "keys.toml").write_text(keys.text)
    async with (
        running_gateway(redis_url, keys_file=tmp_path / "keys.toml") as gateway,
        Broker(redis_url) as broker,
    ):
        worker = PlayedWorker(broker, "f", "g")
        await worker.announce()
        story = Story(gateway, keys, worker)
        await eventually_async(story.knows_functions, what="the functions of the worker")
        for limit in ("rate", "pending"):
            # Now there is nothing left.
            answer = await gateway.post("/jobs/f", {}, headers=keys.headers(f"{limit}: the last one"))
            assert answer[0] == 202
        for row in TABLE:
            await try_callers(story, row)
            await try_limits(story, row)
    assert not story.faults, "\n".join(story.faults)


async def try_callers(story: Story, row: Access) -> None:
    own, others = f"{row.route}-own", f"{row.route}-others"
    await story.make("me", own)
    await story.make("other", others)
    if row.route == "retry":
        await story.end(own)
        await story.end(others)
    if row.route == "worker":
        own = story.worker.name
    without = await story.status(row, {}, own)
    if without != (row.own if row.is_open else 401):
        story.faults.append(f"{row.route}, without a key: {without}")
    for scope in row.scopes:
        await story.expect(row, f"without {scope}", row.refused, f"without {scope}", own)
    await story.expect(row, "another's job", row.others, "exact", others)
    await story.expect(row, "unknown job", row.unknown, "exact", "unknown")
    if row.all_jobs:
        await story.expect(row, "another's job, all jobs", row.own, "all jobs", others)
    for scope in row.instead:
        await story.expect(row, f"with {scope}", row.own, f"instead {scope}", own)
    await story.expect(row, "own job", row.own, "exact", own)


async def try_limits(story: Story, row: Access) -> None:
    for limit, status in LIMITS.items():
        job_id = f"{row.route}-{limit}"
        await story.make(limit, job_id)
        if row.route == "abort":  # a request waits for a running job only
            await story.claim(job_id)
        if row.route == "retry":
            await story.end(job_id)
        subject = story.worker.name if row.route == "worker" else job_id
        expected = status if limit in row.limits else row.own
        if row.route == "abort" and expected == row.own:
            expected = 202
        await story.expect(row, f"beyond {limit}", expected, limit, subject, wait=limit == "waits")
