"""Each example in openapi.yaml is sent, or is what the gateway answers."""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from harness.documents.api_document import api_document
from harness.http.event_streams import Seen, events_of
from harness.systems.gateways import PlayedWorker, RunningGateway, running_gateway
from harness.systems.workers import busy, working
from harness.waiting import NotInTime, eventually_async
from jobgate.broker import Broker, JobRequest, run_id
from jobgate.client.http.event_parser import EventParser
from jobgate.gateway import new_key
from jobgate.worker import Worker, cron, func


class Example(NamedTuple):
    """An example, and where it stands."""

    at: str
    kind: str
    value: Any


def examples(node: Any, at: str = "") -> Iterator[Example]:
    """Yield all examples in a part of the document."""
    if isinstance(node, dict):
        if "example" in node:
            place, _, kind = at.partition("/content/")
            yield Example(place, kind, node["example"])
        for name, inner in node.items():
            yield from examples(inner, f"{at}/{name}")
    elif isinstance(node, list):
        for number, inner in enumerate(node):
            yield from examples(inner, f"{at}/{number}")


EXAMPLES = {(each.at, each.kind): each.value for each in examples(api_document())}
LINES, EVENTS, PROBLEM = "application/x-ndjson", "text/event-stream", "application/problem+json"


class Desk:
    """What the worker runs."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()

    async def send_invoice(
        self,
        ctx: dict[str, Any],
        number: Annotated[int, Field(gt=0)],
        lang: Annotated[Literal["en", "de"], Field(description="Language of the letter.")] = "en",
    ) -> str:
        """Send an invoice to its customer.

        Returns:
            The address that it was sent to.
        """
        await self.may_end.wait()
        return "a@b.example"

    async def charge_card(self, ctx: dict[str, Any]) -> None:
        """Take the money."""
        raise ConnectionError("the bank does not answer")

    async def slow_report(
        self, ctx: dict[str, Any], part: dict[Literal["count"], Annotated[int, Field(ge=1)]], lang: str = ""
    ) -> None:
        """Report on a part."""

    async def report(self, ctx: dict[str, Any]) -> None:
        """Send the report of the week."""
        raise ConnectionError("smtp.example.com refused the connection")

    @property
    def cron_jobs(self) -> list[Any]:
        return [cron(self.report, name="cron:report", weekday="mon", hour={9, 17}, minute=30, timeout=300)]

    @property
    def functions(self) -> list[Any]:
        return [
            func(self.send_invoice, name="send_invoice", timeout=300, max_tries=5),
            func(self.slow_report, name="slow_report"),
            func(self.charge_card, name="charge_card"),
        ]


class Story:
    """Sends and compares examples, and crosses them off."""

    def __init__(self, gateway: RunningGateway) -> None:
        self.gateway = gateway
        self.left = set(EXAMPLES)

    def example(self, at: str, kind: str = "application/json") -> Any:
        """Return an example, which is then done."""
        self.left.discard((at, kind))
        return EXAMPLES[at, kind]

    async def send(self, path: str, kind: str = "application/json") -> Any:
        """Send the example of a body; return what is answered."""
        body = self.example(f"/paths/{path}/post/requestBody", kind)
        data = body if isinstance(body, str) else json.dumps(body)
        url = path.replace("{function}", "send_invoice")
        status, answer, _ = await self.gateway.ask("POST", url, data=data, headers={"Content-Type": kind})
        assert status in {200, 202}, answer
        return answer

    async def read(self, path: str, name: str = "") -> None:
        """Compare an answer with its example; what workers say of themselves takes a moment."""
        example = self.example(f"/paths/{path}/get/responses/200")

        async def same() -> bool:
            status, answer, _ = await self.gateway.get(re.sub("{.*}", name, path))
            missing[:] = differences(example, answer)
            return (status, missing) == (200, [])

        missing: list[str] = []
        with suppress(NotInTime):
            await eventually_async(same, timeout=10)
        assert missing == []

    def compare(self, example: Any, answer: Any) -> None:
        """Assert that an answer has what an example shows of it."""
        assert list(differences(example, answer)) == []


def differences(example: Any, answer: Any, at: str = "#") -> Iterator[str]:
    """Yield what an example has and an answer does not. The values may be others, of the same form."""
    if isinstance(example, dict) and isinstance(answer, dict):
        for name, value in example.items():
            if name in answer:
                yield from differences(value, answer[name], f"{at}/{name}")
            elif at != "#/skipped":  # it has the reasons that there were
                yield f"{at}/{name} is missing"
    elif isinstance(example, list) and isinstance(answer, list):
        for number, item in enumerate(example):
            tries = [list(differences(item, each, f"{at}/{number}")) for each in answer]
            yield from min(tries, key=len, default=[f"{at}/{number} is missing"])
    elif form(example) != form(answer) and not at.endswith(("/host", "/version", "/worker")):
        yield f"{at}: {answer!r} is not like {example!r}"


def form(value: Any) -> Any:
    """Return what values of the same kind have in common: names and texts are equal, ids and times alike."""
    if isinstance(value, bool | None):
        return bool
    if isinstance(value, int | float):
        return float
    return re.sub(r"\d", "0", re.sub(r"\b(?:[0-9a-f]{10,32}|[0-9A-Za-z]{20})\b", "0", str(value)))


def parsed(text: str) -> list[Seen]:
    """Return the events of an example."""
    found = EventParser("").feed(text.encode())
    return [Seen(event.kind, json.loads(event.data), event.last_id) for event in found]


async def test_each_example_is_true(redis_url: str, tmp_path: Path) -> None:
    desk = Desk()
    async with running_gateway(redis_url) as gateway:
        story = Story(gateway)
        await bodies(story)
        async with Broker(redis_url) as broker:
            await broker.announce(PlayedWorker(broker, name="worker-8.312.c02f9d61").record, ttl=0.001)
        settings = {"functions": desk.functions, "cron_jobs": desk.cron_jobs, "timezone": "Europe/Berlin"}
        async with working(None, redis_url, **settings, max_jobs=10) as worker:
            await events(story, worker, desk)
            for path, name in (("/functions", ""), ("/queues", ""), ("/queues/{queue}", "arq:queue")):
                await story.read(path, name)
            await schedules(story, redis_url)
            await story.read("/functions/{function}/times", "send_invoice")
            await bulk(story)
            await failures(story)
            await problems(story)
    await beyond_the_rate(story, redis_url, tmp_path)
    assert story.left == set()


async def bodies(story: Story) -> None:
    job = await story.send("/jobs/{function}")
    assert job["status"] == "deferred"
    batch = await story.send("/jobs")
    assert [each["status"] for each in batch["results"]] == [202, 202]
    lines = (await story.send("/jobs", LINES)).decode().splitlines()
    shown = story.example("/paths//jobs/post/responses/200", LINES).splitlines()
    for line, like in zip(lines, shown, strict=True):
        story.compare(json.loads(like), json.loads(line))


async def events(story: Story, worker: Worker, desk: Desk) -> None:
    """Follow a job, and look at its worker while it runs."""
    gateway, session = story.gateway, story.gateway.session
    async with events_of(session, f"{gateway.url}/events") as everything:
        await everything.begun()
        await gateway.post("/jobs/send_invoice", {"args": [42], "job_id": "inv-42"})
        await busy(worker, 2)  # one is that of the batches, whose key is the same in both
        await story.read("/workers")
        await story.read("/workers/{worker}", worker.worker_id)
        async with events_of(session, f"{gateway.url}/jobs/inv-42/events") as one:
            first = await one.next()
            desk.may_end.set()
            of_job = [first, *await one.rest()]
        of_all = [await everything.next()]
        while (of_all[-1].kind, of_all[-1].data.get("job_id")) != ("finished", "inv-42"):
            of_all.append(await everything.next())
    for path, seen in (("/jobs/{job_id}/events", of_job), ("/events", of_all)):
        shown = story.example(f"/paths/{path}/get/responses/200", EVENTS)
        story.compare([each._asdict() for each in parsed(shown)], [each._asdict() for each in seen])


async def schedules(story: Story, redis_url: str) -> None:
    """Run a cron job as a worker of last week would have done."""
    due = round(time.time() * 1000) - 7 * 86_400_000
    async with Broker(redis_url) as broker:
        await broker.enqueue(JobRequest(function="cron:report", job_id=run_id("cron:report", due)))
    await story.read("/schedules")


async def bulk(story: Story) -> None:
    assert (await story.send("/bulk/retry"))["function"] == "jobgate.bulk_retry"
    story.compare(story.example("/components/schemas/BulkCount", ""), await story.send("/bulk/abort"))
    wait = story.example("/components/parameters/Prefer", "")
    status, _, _ = await story.gateway.post("/jobs/send_invoice", {"args": [1]}, headers={"Prefer": wait})
    assert status == 200


async def failures(story: Story) -> None:
    assert (await story.gateway.post("/jobs/charge_card", {}, headers={"Prefer": "wait=30"}))[0] == 200
    _, found, _ = await story.gateway.get("/failures")
    story.compare(story.example("/components/schemas/FailureCount", ""), found)


async def problems(story: Story) -> None:
    wrong = {"args": [{"count": 0}], "kwargs": {"lnag": "de"}}
    _, problem, _ = await story.gateway.post("/jobs/slow_report", wrong)
    shown = story.example("/components/responses/InvalidJob", PROBLEM)
    assert {**problem, "instance": shown["instance"]} == shown


async def beyond_the_rate(story: Story, redis_url: str, folder: Path) -> None:
    key, entry = new_key("slow", ("enqueue:*",), limits={"rate": 0.001, "burst": 1})
    (folder / "keys.toml").write_text(entry)
    headers = {"Authorization": f"Bearer {key}"}
    async with running_gateway(redis_url, keys_file=folder / "keys.toml") as gateway:
        answers = [await gateway.post("/jobs/f", {}, headers=headers) for _ in range(2)]
    shown = story.example("/components/responses/EnqueueLimited", PROBLEM)
    assert {**answers[1][1], "instance": shown["instance"]} == shown
