"""`jobgate jobs`, `failed`, `queues`, `workers` and `events`, with a real gateway, worker and keys."""

import asyncio
import itertools
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from harness.forms import LONG
from harness.http.operations import end_due, enqueue_many
from harness.jobs.records import request_of
from harness.processes.commands import JOBGATE, Process, Processes, new_key, run_jobgate
from harness.processes.terminal import Terminal
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import PlayedWorker
from harness.tools import valkey_binary
from jobgate.broker import Broker, Failure
from jobgate.client import Client

HOSTILE = "\x1b]0;owned\x07\x1b[2J[red]no[/red] 'x' \u202e\r\n 7"
#: Runs a command line, and writes at its end the most memory that it has had, in KiB.
MEASURED = """
import resource, sys
from jobgate.cli.main import main
try:
    main()
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""
#: Many jobs are more than a few pages.
MANY = 10_000 if LONG else 1_000


@dataclass(frozen=True)
class Shop:
    """A gateway with keys in front of two queues."""

    server: RedisServer
    gateway: Process
    keys: dict[str, str]
    #: Restarts the gateway at the same place.
    processes: Processes
    keys_file: Path

    def at(self, key: str = "all") -> tuple[str, ...]:
        return "--url", self.gateway.url, "--key", self.keys[key]

    def lines(self, *words: str, key: str = "all") -> list[dict[str, Any]]:
        done = run_jobgate(*words, *self.at(key))
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    directory = tmp_path_factory.mktemp("look")
    server = RedisServer(valkey_binary(), directory / "server").start()
    processes = Processes(directory)
    file = directory / "keys.toml"
    scopes = {
        "all": ["enqueue:*", "read:*", "operate", "abort"],
        "own": ["enqueue:*", "read"],
        "none": ["metrics"],
    }
    try:
        keys = {name: new_key(file, name, *allowed) for name, allowed in scopes.items()}
        gateway = processes.gateway(server.url, "--keys", str(file))
        asyncio.run(fill(server.url))
        yield Shop(server, gateway, keys, processes, file)
    finally:
        processes.end_all()
        server.kill()


async def fill(url: str) -> None:
    """Make jobs that failed and succeeded in two queues, some that wait, and a worker that runs one."""
    async with Broker(url) as broker:
        worker, mailer = PlayedWorker(broker), PlayedWorker(broker, name="mailer", queue="mail:queue")
        await enqueue_many(broker, [f"shop{number}" for number in range(3)], "ship")
        await end_due(worker)
        await enqueue_many(broker, ["mail0", "mail1"], "send", queue="mail:queue")
        await end_due(mailer, failure=Failure(type="TimeoutError", message=HOSTILE))
        await _next_millisecond(broker)
        await enqueue_many(broker, ["fine"], "send", queue="mail:queue")
        await end_due(mailer, failure=None)
        await broker.enqueue(request_of("ship", job_id="later", defer_by=3600))
        await broker.enqueue(request_of("ship", job_id="now"))
        await broker.enqueue(request_of("ship", job_id="stopped"))
        await broker.abort("stopped")
        await broker.note_queues(["mail:queue"])  # as a gateway does
        for each in (worker, mailer):
            await broker.announce(each.record, ttl=600)


async def _next_millisecond(broker: Broker) -> None:
    """Wait until the clock of Redis, by which ended jobs are listed, has moved on."""
    now_ms = await broker.connect()
    while await broker.connect() == now_ms:
        pass


def test_jobs_of_all_queues_are_one_list(shop: Shop) -> None:
    ids = [job["job_id"] for job in shop.lines("jobs")]
    assert ids[:2] == ["now", "later"]
    assert set(ids[2:]) == {"shop0", "shop1", "shop2", "mail0", "mail1", "fine", "stopped"}
    times = [datetime.fromisoformat(job["finish_time"]) for job in shop.lines("jobs", "--status=complete")]
    # The order is that of Redis, and the times are those of workers: by their clocks, some ms apart.
    assert all(after - before < timedelta(seconds=0.1) for before, after in itertools.pairwise(times))
    assert [
        job["job_id"] for job in shop.lines("jobs", "--queue=mail:queue", "--function=send", "--limit=1")
    ] == ["fine"]
    assert shop.lines("jobs", "--status=complete", "--until=1h") == []
    assert [job["job_id"] for job in shop.lines("jobs", "--since=+30m")] == ["later"]
    done = run_jobgate("jobs", "--limit=2", *shop.at())
    assert done.stderr == "These are 2, and there are more: see --limit and --all.\n"


def test_what_failed_and_why(shop: Shop) -> None:
    failed = shop.lines("failed", "--since=1h")
    assert {(one["job_id"], one["type"]) for one in failed} == {
        *((f"shop{number}", "ValueError") for number in range(3)),
        *((f"mail{number}", "TimeoutError") for number in range(2)),
    }
    assert [one["job_id"] for one in shop.lines("failed", "--code=aborted")] == ["stopped"]
    by_function = shop.lines("failed", "--by=function", "--since=today")
    assert [(one["functions"], one["failed"]) for one in by_function] == [({"ship": 3}, 3), ({"send": 2}, 2)]
    (ship, _) = shop.lines("failed", "--by=error")
    assert ship["errors"] == {"ValueError: no such customer": 3}


def test_queues_and_workers(shop: Shop) -> None:
    queues = {queue["queue"]: queue for queue in shop.lines("queues")}
    assert queues["arq:queue"]["queued"] == queues["arq:queue"]["deferred"] == 1
    assert queues["arq:queue"]["last_hour"]["functions"]["ship"]["failed"] == 3
    assert [queue["queue"] for queue in shop.lines("queues", "none:queue", "mail:queue")] == [
        "none:queue",
        "mail:queue",
    ]
    assert [worker["worker"] for worker in shop.lines("workers")] == ["mailer", "played"]


@pytest.mark.parametrize(
    ("key", "words", "code", "said"),
    [
        ("own", ["queues"], 3, "needs the scope read:* or operate"),
        ("own", ["workers"], 3, "needs the scope read:* or operate"),
        ("own", ["queue", "pause", "mail:queue"], 3, "needs the scope read:* or operate"),
        ("all", ["queue", "pause", "mail:queue", "arq:abort"], 3, "arq:abort"),
        ("none", ["events"], 3, "needs the scope read"),
        ("none", ["failed", "--queue=mail:queue"], 3, "needs the scope read"),
        ("own", ["jobs"], 0, "There are no such jobs."),
        ("own", ["events", "shop0"], 3, "shop0: No such job"),
        ("all", ["jobs", "--since=soon"], 2, "'soon' is not a time: write 1h"),
        ("all", ["events", "a", "--queue=b"], 2, "not both"),
        ("all", ["jobs", "--queue=arq:abort"], 3, "queue"),
    ],
)
def test_refusals_name_what_is_missing(shop: Shop, key: str, words: list[str], code: int, said: str) -> None:
    done = run_jobgate(*words, *shop.at(key))
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


def test_queues_are_paused_through_a_gateway_as_in_redis(shop: Shop, processes: Processes) -> None:
    paused = run_jobgate("queue", "pause", "paused:queue", *shop.at())
    assert (paused.returncode, paused.stdout) == (0, "paused:queue is paused\n")
    for name, words, env in (
        ("gateway", shop.at(), {"JOBGATE_REDIS_URL": "redis://127.0.0.1:1"}),
        ("option", ("--redis", shop.server.url), {"JOBGATE_URL": "http://127.0.0.1:1", "JOBGATE_KEY": "x"}),
        ("variable", (), {"JOBGATE_REDIS_URL": shop.server.url}),
    ):
        listed = processes.start("queue", "list", *words, env=env)
        assert listed.wait() == 0, name
        (line,) = (one for one in listed.log.splitlines() if '"paused:queue"' in one)
        assert json.loads(line)["paused"], name
    (resumed,) = shop.lines("queue", "resume", "paused:queue", "--json")
    assert (resumed["queue"], resumed["paused"]) == ("paused:queue", False)


def test_a_narrow_terminal_shows_text_from_outside_as_text(shop: Shop) -> None:
    with Terminal("failed", *shop.at(), columns=60) as terminal:
        assert terminal.wait() == 0
        assert b"\x07" not in terminal.raw
        assert "\u202e" not in terminal.text
        assert "\\u001b]0;owned" in terminal.text.replace("\n", "").replace(" ", "")
        assert max(map(len, terminal.text.splitlines())) <= 60
        assert "queue" not in terminal.text.splitlines()[0]


def test_a_long_list_is_read_page_by_page_and_only_as_far_as_somebody_reads_it(shop: Shop) -> None:
    async def enqueue() -> None:
        async with Broker(shop.server.url) as broker:
            await enqueue_many(broker, [f"many{number}" for number in range(MANY)], queue="many:queue")

    asyncio.run(enqueue())
    words = ["jobs", "--queue=many:queue", *shop.at()]
    assert len({job["job_id"] for job in shop.lines(*words[:2], "--all")}) == MANY
    # As in `jobgate jobs | head -1`.
    with subprocess.Popen(
        [*JOBGATE, *words, "--all"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as head:
        assert head.stdout is not None
        assert head.stderr is not None
        assert b"many" in head.stdout.readline()
        head.stdout.close()
        assert head.stderr.read() == b""
    assert head.returncode == 141


@pytest.mark.long
def test_a_long_list_takes_no_more_memory_than_a_short_one(shop: Shop) -> None:
    async def enqueue() -> None:
        async with Broker(shop.server.url) as broker:
            await enqueue_many(broker, [f"flat{number}" for number in range(MANY)], queue="flat:queue")

    def memory(*words: str) -> int:
        command = [sys.executable, "-c", MEASURED, "jobs", "--queue=flat:queue", *words, *shop.at()]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return int(done.stderr.splitlines()[-1])

    asyncio.run(enqueue())
    assert memory("--all") - memory("--limit=200") < 4 * 1024


def test_views_and_events_go_on_after_a_restart_of_the_gateway(shop: Shop, processes: Processes) -> None:
    gateway = shop.processes.gateway(shop.server.url, "--keys", str(shop.keys_file))
    port = int(gateway.url.rpartition(":")[2])
    at = ("--url", gateway.url, "--key", shop.keys["all"], "--request-timeout=1s")
    events = processes.start("events", "--function=ship", *at)
    with Terminal("queues", "--watch", *at, columns=120) as terminal:
        terminal.wait_for("arq:queue.*\n(.*\n)*.*Ctrl-C ends this")
        asyncio.run(enqueued(gateway.url, shop.keys["all"], "before"))
        events.wait_for_log('"job_id":"before"')
        gateway.kill()
        terminal.wait_for("no answer for .*cannot be reached")
        shop.processes.gateway(shop.server.url, "--keys", str(shop.keys_file), port=port)
        events.wait_for_log('"kind":"gap"')
        asyncio.run(enqueued(gateway.url, shop.keys["all"], "after"))
        events.wait_for_log('"job_id":"after"')
        before = terminal.text.count("every 2 s")
        terminal.wait_for(f"(?s)(every 2 s.*){{{before + 1}}}")
        terminal.interrupt()
        assert terminal.wait() == 130
        assert b"Traceback" not in terminal.raw
        assert b"\x1b[?25h" in terminal.raw, "the cursor is back"
    events.signal(signal.SIGINT)
    assert events.wait() == 130
    assert "Traceback" not in events.log


async def enqueued(url: str, key: str, job_id: str) -> None:
    """Enqueue a job through a gateway, and abort it."""
    async with Client(url, key=key, registry=CollectorRegistry()) as client:
        job = await client.enqueue("ship", _job_id=job_id)
        await job.abort(0)
