"""The keys file while it is changed, damaged, replaced or withheld: no key that was taken out stays valid."""

import asyncio
import logging
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from harness.jobs.records import request_of
from harness.processes.commands import Processes
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import PlayedWorker, RunningGateway, running_gateway
from harness.waiting import eventually_async
from jobgate.broker import Broker
from jobgate.gateway import KeysFileError, new_key
from jobgate.gateway.auth.keys_file import KeysFile

KEY, ENTRY = new_key("former", ("enqueue:*", "read", "abort"))
LATE, LATE_ENTRY = new_key("late", ("enqueue:*", "read"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "keys.toml"
    file.write_text(ENTRY)
    return file


def write(path: Path, text: str) -> None:
    path.write_text(text)


def opened(path: Path) -> IO[str]:
    return path.open("r+")


def rewrite(file: IO[str], text: str) -> None:
    file.write(text)
    file.truncate()
    file.flush()


def replace(path: Path, kind: str) -> Path:
    """Put something else in the place of the file; return where the file has to go for a new one."""
    new = path.with_name("new")
    match kind:
        case "pipe":
            os.mkfifo(new)
        case "folder":
            new.mkdir()
            path.unlink()
        case "device":
            new.symlink_to("/dev/zero")
        case "large":
            new.write_bytes(b"#" * 2_000_000)
        case _:
            new.touch()
    return new.rename(path)


async def status_of(gateway: RunningGateway, key: str = KEY) -> int:
    answer = await gateway.get("/jobs/unknown/status", headers={"Authorization": f"Bearer {key}"})
    return int(answer[0])


async def becomes(gateway: RunningGateway, status: int, key: str = KEY) -> None:
    async def is_so() -> bool:
        return await status_of(gateway, key) == status

    await eventually_async(is_so, what=f"{status} for a key")


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Let this process open nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def told(caplog: pytest.LogCaptureFixture, text: str) -> None:
    async def is_told() -> bool:
        return text in caplog.text

    await eventually_async(is_told, what=f"{text!r} in the log")


async def test_a_file_that_could_not_be_read_when_it_changed_is_read_later(
    redis_url: str, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_gateway(redis_url, keys_file=path) as gateway:
        assert await status_of(gateway) == 404
        with opened(path) as file:
            with no_descriptors():
                rewrite(file, LATE_ENTRY)
                await told(caplog, "previous keys stay")
            # From here on nothing changes but that it can be read.
            await becomes(gateway, 401)
        assert await status_of(gateway, LATE) == 404


async def test_a_file_that_stays_unreadable_ends_all_keys(
    redis_url: str, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_gateway(redis_url, keys_file=path, keys_grace=1.5) as gateway:
        write(path, "key = [1]")
        assert await status_of(gateway) == 404
        await becomes(gateway, 503)
        answer = await gateway.get("/jobs/x/status", headers={"Authorization": f"Bearer {KEY}"})
        assert (answer[1]["code"], answer[1]["retryable"]) == ("keys-unavailable", True)
        assert (await gateway.get("/readyz"))[0] == 503
        assert (await gateway.get("/livez"))[0] == 200
        write(path, ENTRY)
        await becomes(gateway, 404)
        assert (await gateway.get("/readyz"))[0] == 200
    lines = [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]
    assert len(lines) == 2
    assert "the previous keys stay" in lines[0]
    assert "requests with keys are refused" in lines[1]


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "large", "empty"])
async def test_what_stands_in_the_place_of_the_file_stops_nothing(
    redis_url: str, path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_gateway(redis_url, keys_file=path) as gateway:
        replace(path, kind)
        await told(caplog, "the previous keys stay")
        assert await status_of(gateway) == 404
        os.rename(path, path.with_name("new"))
        write(path, LATE_ENTRY)
        await becomes(gateway, 401)


async def test_an_editor_that_saves_in_two_steps_locks_nobody_out(
    redis_url: str, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_gateway(redis_url, keys_file=path) as gateway:
        with path.open("w") as file:
            await told(caplog, "it is empty")
            assert await status_of(gateway) == 404
            file.write(f"{ENTRY}\n{LATE_ENTRY}"[:-40])
            file.flush()
            await told(caplog, "it is not TOML")
            assert await status_of(gateway) == 404
            file.write(f"{ENTRY}\n{LATE_ENTRY}"[-40:])
        await becomes(gateway, 404, LATE)
        assert await status_of(gateway) == 404


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_at_the_start_it_is_refused_in_words(
    processes: Processes, redis_url: str, tmp_path: Path, kind: str
) -> None:
    file = tmp_path / "keys.toml"
    os.mkfifo(file) if kind == "pipe" else file.mkdir()
    gateway = processes.start("gateway", "--redis", redis_url, "--keys", str(file))
    assert gateway.wait() in (1, 2)
    assert "it is not a regular file" in gateway.log or "the folder has no files" in gateway.log
    assert "Traceback" not in gateway.log


@contextmanager
def without_rights() -> Iterator[int]:
    """Be a user who may not read what root or this user keeps; gives its number."""
    own = os.geteuid()
    if own == 0:
        os.seteuid(65532)
    try:
        yield os.geteuid()
    finally:
        os.seteuid(own)


def test_a_file_of_somebody_else_is_named_with_the_remedy() -> None:
    """As in a container, where `jobgate key new` on the host wrote the file for its owner alone."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is closed to other users
        Path(folder).chmod(0o755)
        file = Path(folder) / "keys.toml"
        file.write_text(ENTRY)
        file.chmod(0o600 if os.geteuid() == 0 else 0)
        with without_rights() as us, pytest.raises(KeysFileError) as caught:
            KeysFile(file).load()
    assert f"cannot be read: it belongs to user {os.geteuid()} with mode" in str(caught.value)
    assert f"and this process runs as user {us}. Give it to that user: chown {us} FILE." in str(caught.value)


async def test_keys_that_are_given_as_text_admit(redis_url: str) -> None:
    async with running_gateway(redis_url, keys_text=ENTRY, host="0.0.0.0") as gateway:
        assert await status_of(gateway) == 404
        assert await status_of(gateway, LATE) == 401
        assert (await gateway.get("/readyz"))[0] == 200


async def test_two_changes_with_the_same_time_are_both_seen(redis_url: str, path: Path) -> None:
    """Times of files are coarse, and some file systems keep whole seconds."""
    async with running_gateway(redis_url, keys_file=path) as gateway:
        moment = time.time_ns()
        write(path, LATE_ENTRY)
        os.utime(path, ns=(moment, moment))
        await becomes(gateway, 404, LATE)
        write(path, ENTRY)
        os.utime(path, ns=(moment, moment))
        await becomes(gateway, 401, LATE)


async def commands_about(server: RedisServer, job_id: str, ask: Any) -> list[str]:
    """Return what Redis was told about a job meanwhile, by scripts too, without its id."""
    with server.client(timeout=20) as client, client.monitor() as monitor:
        await ask()
        with server.client() as other:
            other.echo("that is all")
        lines: list[str] = []
        for entry in monitor.listen():
            if "that is all" in entry["command"]:
                return [line.replace(job_id, "<id>") for line in lines if job_id in line]
            lines.append(entry["command"])
    raise AssertionError("the monitor ended")


@pytest.mark.parametrize(
    ("method", "path_of"),
    [("GET", "/jobs/{}/status"), ("GET", "/jobs/{}/result"), ("POST", "/jobs/{}/abort")],
)
async def test_a_job_of_somebody_else_costs_what_an_unknown_one_costs(
    valkey_server: RedisServer, path: Path, method: str, path_of: str
) -> None:
    valkey_server.reset()
    bearer = {"Authorization": f"Bearer {KEY}"}
    async with (
        running_gateway(valkey_server.url, keys_file=path) as gateway,
        Broker(valkey_server.url) as broker,
    ):
        large = ["x" * 500_000]
        await broker.enqueue(request_of("f", job_id="job-ended", args=large, owner="other"))
        await PlayedWorker(broker, "f").run_one(returned=large)
        await broker.enqueue(request_of("f", job_id="job-waits", args=large, owner="other"))
        seen = []
        for job_id in ("job-unknown", "job-ended", "job-waits"):

            async def ask(job_id: str = job_id) -> None:
                answer = await gateway.ask(method, path_of.format(job_id), headers=bearer)
                assert (answer[0], answer[1]["code"]) == (404, "job-not-found")

            await ask()  # so that Redis knows the scripts
            seen.append(await commands_about(valkey_server, job_id, ask))
        assert seen[0]
        assert seen[0] == seen[1] == seen[2]
        own = await gateway.post("/jobs/f", {"job_id": "own"}, headers=bearer)
        assert own[0] == 202
        assert (await gateway.get("/jobs/own/status", headers=bearer))[0] == 200


async def test_the_outcome_that_is_handed_over_and_not_kept_reaches_its_caller(
    redis_url: str, path: Path
) -> None:
    bearer = {"Authorization": f"Bearer {KEY}"}
    async with running_gateway(redis_url, keys_file=path) as gateway, Broker(redis_url) as broker:
        await gateway.post("/jobs/f", {"job_id": "own"}, headers=bearer)
        waiting = asyncio.create_task(gateway.get("/jobs/own/result?wait=20", headers=bearer))
        await eventually_async(lambda: wanted(broker), what="the wait")
        worker = PlayedWorker(broker, "f")
        await worker.finish(await worker.claim(), 5, keep=0)
        status, outcome, _ = await waiting
        assert (status, outcome["result"]) == (200, 5)


async def wanted(broker: Broker) -> bool:
    return bool(await broker._core.link.command("EXISTS", broker.keys.wanted("own")))
