"""`jobgate bulk retry` and `abort`: counted, asked, followed, left, and stopped."""

import asyncio
import json
import re
from collections.abc import Iterator

import pytest

from harness.http.operations import end_due, enqueue_many
from harness.processes.commands import Processes, new_key, run_jobgate
from harness.processes.terminal import Terminal
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import PlayedWorker
from harness.tools import valkey_binary
from harness.waiting import eventually
from jobgate.broker import Broker

At = tuple[str, ...]
#: What a gateway retries in a second for the slow key.
RATE = 10


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, At]]]:
    """Address of Redis, and the options for each key of a gateway."""
    directory = tmp_path_factory.mktemp("bulk")
    server = RedisServer(valkey_binary(), directory / "server").start()
    processes, file = Processes(directory), directory / "keys.toml"
    try:
        keys = {
            "all": new_key(file, "all", "operate", "read:*", "abort"),
            "slow": new_key(file, "slow", "operate", "read:*", "abort", f"--rate={RATE}"),
            "alone": new_key(file, "alone", "operate"),
            "own": new_key(file, "own", "abort"),
            "none": new_key(file, "none", "metrics"),
        }
        url = processes.gateway(server.url, "--keys", str(file)).url
        yield server.url, {name: ("--url", url, "--key", key) for name, key in keys.items()}
    finally:
        processes.end_all()
        server.kill()


def fail(redis_url: str, queue: str, count: int) -> None:
    """Make jobs that have failed, and two that wait."""

    async def make() -> None:
        async with Broker(redis_url) as broker:
            await enqueue_many(broker, [f"{queue[:-6]}{number}" for number in range(count)], queue=queue)
            await end_due(PlayedWorker(broker, queue=queue))
            await enqueue_many(broker, [f"{queue[:-6]}wait{number}" for number in range(2)], queue=queue)
            await broker.note_queues([queue])

    asyncio.run(make())


def test_scripts_count_say_yes_and_get_the_result(places: tuple[str, dict[str, At]]) -> None:
    redis_url, at = places
    fail(redis_url, "script:queue", 5)
    retry = ("bulk", "retry", "--queue=script:queue", *at["all"])
    refused = run_jobgate(*retry)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "look with --dry-run, then give --yes" in refused.stderr
    counted = json.loads(run_jobgate(*retry, "--dry-run").stdout)
    assert (counted["queue"], counted["matched"], counted["skipped"]) == ("script:queue", 5, {})
    first = json.loads(run_jobgate(*retry, "--yes", "--limit=2").stdout)
    assert (first["retried"], first["limit_reached"]) == (2, True)
    done = run_jobgate(*retry, "--yes", "--since=1h", "--function=add")
    assert json.loads(done.stdout)["skipped"] == {"already-retried": 2}
    assert json.loads(done.stdout)["retried"] == 3
    again = run_jobgate(*retry, "--yes")
    assert (again.returncode, again.stdout) == (0, "")
    assert again.stderr == "There is nothing to retry: 5 already-retried.\n"
    abort = run_jobgate("bulk", "abort", "--queue=script:queue", "--yes", "--no-wait", *at["all"])
    operation = json.loads(abort.stdout)["operation"]
    assert f"to stop it:   jobgate abort {operation} --url" in abort.stderr


def test_the_scope_operate_is_enough_and_a_gateway_is_needed(places: tuple[str, dict[str, At]]) -> None:
    redis_url, at = places
    fail(redis_url, "alone:queue", 1)
    retry = ("bulk", "retry", "--queue=alone:queue", "--yes")
    assert json.loads(run_jobgate(*retry, *at["alone"]).stdout)["retried"] == 1
    refused = run_jobgate("bulk", "abort", "--yes", "--queue=alone:queue", *at["none"])
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "needs the scope" in refused.stderr
    vague = run_jobgate("bulk", "abort", "--yes", *at["own"])
    assert vague.returncode == 2
    assert "Say which jobs: give --queue, --function or --since." in vague.stderr
    direct = run_jobgate(*retry, "--url", redis_url)
    assert direct.returncode == 2
    assert "Gateways run bulk_retry: use the URL of one" in direct.stderr


def test_a_person_is_asked_and_may_leave(places: tuple[str, dict[str, At]]) -> None:
    redis_url, at = places
    fail(redis_url, "person:queue", 6 * RATE)
    words = ("bulk", "retry", "--queue=person:queue", *at["slow"])
    with Terminal(*words) as terminal:
        terminal.wait_for("60 jobs will be retried.*")
        terminal.send("\n")
        assert terminal.wait() == 0
        assert "Nothing was changed." in terminal.text
    with Terminal(*words, columns=100) as terminal:
        terminal.wait_for("60 jobs will be retried.*")
        terminal.send("y\n")
        terminal.wait_for(r"[1-9][0-9]* of 60 ")
        terminal.interrupt()
        assert terminal.wait() == 130
        stop = re.search("to stop it: +jobgate abort ([0-9A-Za-z]+) ", terminal.text)
        assert stop, terminal.text
        assert "What has been retried stays so." in terminal.text
    assert run_jobgate("abort", stop[1], *at["slow"]).returncode == 0

    def has_stopped() -> bool:
        status = json.loads(run_jobgate("status", stop[1], *at["slow"]).stdout)["status"]
        return bool(status == "complete")

    eventually(has_stopped, what="the end of the operation")
    with Terminal(*words, "--yes", columns=100) as terminal:
        terminal.wait_for(r"[1-9][0-9]* of ")
        listed = run_jobgate("jobs", "--queue=arq:operations", "--status=in_progress", *at["slow"])
        operation = json.loads(listed.stdout)["job_id"]
        assert run_jobgate("abort", operation, *at["slow"]).returncode == 0
        assert terminal.wait() == 1
        assert f"The operation {operation} was aborted." in terminal.text
    counted = json.loads(run_jobgate(*words, "--dry-run").stdout)
    assert 0 < counted["skipped"]["already-retried"] < 60


def test_ctrl_c_at_the_question_changes_nothing(places: tuple[str, dict[str, At]]) -> None:
    redis_url, at = places
    fail(redis_url, "asked:queue", 1)
    with Terminal("bulk", "abort", "--queue=asked:queue", *at["all"]) as terminal:
        terminal.wait_for("2 jobs will be aborted.*")
        terminal.interrupt()
        assert terminal.wait() == 130
        assert "Gateways go on" not in terminal.text
    counted = run_jobgate("bulk", "abort", "--queue=asked:queue", "--dry-run", *at["all"])
    assert json.loads(counted.stdout)["matched"] == 2
