"""`jobgate gateway --workers N`: one port, several processes, one supervisor."""

import asyncio
import os
import re
import signal
import socket
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from harness.processes.commands import Process, Processes, new_key, run_jobgate
from harness.processes.family import alive, descendants
from harness.servers.certificates import make_pair
from harness.tools import free_port
from harness.waiting import eventually, eventually_async
from jobgate.broker import Broker

#: Connections that are opened until both processes have one.
MANY = 40


def start(processes: Processes, redis_url: str, *options: str) -> Process:
    """Start two gateway processes, and return when both listen."""
    port = free_port()
    words = ("--redis", redis_url, "--port", str(port), "--workers", "2", "--drain", "0", *options)
    supervisor = processes.start("gateway", *words)
    supervisor.url = f"http://127.0.0.1:{port}"
    supervisor.wait_for_log(r"jobgate\.gateway: listening on ")
    return supervisor


def children(supervisor: Process) -> list[int]:
    """Return the ids of the gateway processes, the oldest first."""
    found = [pid for pid, words in descendants(supervisor.pid) if "-m jobgate.cli gateway" in words]
    return [pid for pid in sorted(found) if alive(pid)]


def stop(supervisor: Process) -> None:
    pids = children(supervisor)
    assert supervisor.terminate() == 0, supervisor.log
    assert not any(map(alive, pids))
    assert "Traceback" not in supervisor.log


class Caller:
    """A client with one connection, which it keeps."""

    def __init__(self, url: str, connector: aiohttp.BaseConnector | None = None) -> None:
        self.session = aiohttp.ClientSession(url, connector=connector or aiohttp.TCPConnector(limit=1))
        #: Identifies the process at the other end: request ids begin with it.
        self.process = ""

    async def ask(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        async with self.session.request(method, path, **options) as answer:
            self.process = answer.headers["X-Request-ID"].partition("-")[0]
            is_json = "json" in answer.headers.get("Content-Type", "")
            return answer.status, await answer.json(content_type=None) if is_json else await answer.text()


async def caller_at(stack: AsyncExitStack, url: str, is_wanted: Callable[[str], bool]) -> Caller:
    """Return a client whose connection leads to a process that is wanted."""
    for _ in range(MANY):
        caller = Caller(url)
        stack.push_async_callback(caller.session.close)
        assert (await caller.ask("GET", "/livez"))[0] == 200
        if is_wanted(caller.process):
            return caller
    raise AssertionError(f"{MANY} connections lead to other processes")


async def pair(stack: AsyncExitStack, url: str) -> tuple[Caller, Caller]:
    """Return two clients whose connections lead to different processes."""
    one = await caller_at(stack, url, lambda process: True)
    return one, await caller_at(stack, url, lambda process: process != one.process)


async def test_both_serve_one_port_and_metrics_are_those_of_both(
    processes: Processes, redis_url: str
) -> None:
    metrics = free_port()
    supervisor = start(processes, redis_url, "--metrics-port", str(metrics))
    async with AsyncExitStack() as stack:
        one, other = await pair(stack, supervisor.url)
        for times, caller in enumerate((one, other), start=1):
            for _ in range(10 * times):
                assert (await caller.ask("POST", "/jobs/f", json={}))[0] == 202
        scraper = Caller(f"http://127.0.0.1:{metrics}")
        stack.push_async_callback(scraper.session.close)
        for caller in (one, other, scraper):
            _, text = await caller.ask("GET", "/metrics")
            assert 'jobgate_gateway_requests_total{route="enqueue",status="202"} 30.0' in text
            assert 'jobgate_gateway_enqueued_total{function="other"} 30.0' in text
            assert 'jobgate_gateway_queue_depth{queue="arq:queue",state="queued"} 30.0' in text
            assert "jobgate_gateway_processes 2.0" in text
            assert 'process_resident_memory_bytes{process="2"}' in text
            assert text.count("# TYPE process_resident_memory_bytes") == 1
        assert (await one.ask("GET", "/readyz"))[0] == (await other.ask("GET", "/readyz"))[0] == 200
        assert (await other.ask("GET", "/docs"))[0] == (await other.ask("GET", "/"))[0] == 200
    stop(supervisor)
    # Only the supervisor says where they listen, and each says that it ends.
    assert re.findall(r"(\S+): (?:metrics )?listening on", supervisor.log) == ["jobgate.gateway"] * 2
    assert sorted(re.findall(r"jobgate\.gateway\[(\d)\]: stopped", supervisor.log)) == ["1", "2"]
    assert supervisor.log.count("Redis answers") == 1


async def test_a_kill_under_load_loses_nothing_that_was_answered(
    processes: Processes, redis_url: str
) -> None:
    supervisor = start(processes, redis_url)
    victim = children(supervisor)[0]
    answered: list[str] = []
    failed: list[str] = []
    is_over = asyncio.Event()

    async def load(name: int) -> None:
        number = 0
        while not is_over.is_set():
            number += 1
            job_id = f"{name}-{number}"
            async with aiohttp.ClientSession(supervisor.url) as session:
                for _ in range(4):
                    try:
                        async with session.post("/jobs/f", json={"job_id": job_id}) as answer:
                            assert answer.status in {202, 409}, await answer.text()
                            answered.append(job_id)
                            break
                    except aiohttp.ClientError:  # the same request again: whoever answers knows the id
                        failed.append(job_id)
                else:
                    raise AssertionError(f"{job_id} was not accepted by those that are left")

    load_tasks = [asyncio.create_task(load(name)) for name in range(8)]
    await eventually_async(lambda: _reached(answered, 100), what="load")
    os.kill(victim, signal.SIGKILL)
    before = len(answered)
    await eventually_async(lambda: _reached(answered, before + 100), what="the others serve")
    supervisor.wait_for_log(r"gateway 1 ended with exit code 137 \(SIGKILL\), restarting it in 0\.5 s")
    eventually(lambda: len(children(supervisor)) == 2, what="a successor")
    async with AsyncExitStack() as stack:
        await eventually_async(lambda: _has_successor(supervisor.url), what="two processes")
        is_over.set()
        await asyncio.gather(*load_tasks)
        one, other = await pair(stack, supervisor.url)
        async with Broker(redis_url) as broker:
            views = [await broker.view(job_id) for job_id in answered]
            assert None not in views
            assert (await broker.queue_depth("arq:queue")).queued == len(answered)
        for caller in (one, other):
            _, text = await caller.ask("GET", "/metrics")
            count = float(re.search(r'enqueued_total\{function="other"\} (\S+)', text)[1])  # type: ignore[index]
            # A request that was cut off may have been counted, or not.
            assert len(answered) - len(failed) <= count <= len(answered)
            assert 'jobgate_gateway_process_starts_total{process="1"} 2.0' in text
            assert 'jobgate_gateway_process_starts_total{process="2"} 1.0' in text
    stop(supervisor)


async def _reached(answered: list[str], count: int) -> bool:
    return len(answered) >= count


async def _has_successor(url: str) -> bool:
    """Whether the first process has been replaced, and both serve."""
    try:
        async with aiohttp.ClientSession(url) as session, session.get("/metrics") as answer:
            text = await answer.text()
    except aiohttp.ClientConnectionError:  # accepted by the one that was killed
        return False
    return all(
        line in text for line in ("jobgate_gateway_processes 2.0", 'process_starts_total{process="1"} 2.0')
    )


async def _waits(caller: Caller, count: int) -> bool:
    return f"jobgate_gateway_waits_in_flight {count}.0" in (await caller.ask("GET", "/metrics"))[1]


async def _streams(caller: Caller, count: int) -> bool:
    return f"jobgate_gateway_event_streams {count}.0" in (await caller.ask("GET", "/metrics"))[1]


async def test_limits_hold_for_both(processes: Processes, redis_url: str, tmp_path: Path) -> None:
    keys = tmp_path / "keys.toml"
    named = [new_key(keys, name, "enqueue:*", "read", "metrics") for name in ("shop", "desk")]
    shop, desk = ({"Authorization": f"Bearer {key}"} for key in named)
    options = ("--max-waits", "3", "--max-waits-per-key", "2", "--max-streams", "1")
    supervisor = start(processes, redis_url, *options, "--keys", str(keys))
    async with AsyncExitStack() as stack:
        pairs = [await pair(stack, supervisor.url) for _ in range(2)]
        one, other = pairs[0]
        one.session.headers.update(shop)
        other.session.headers.update(shop)

        def begin(caller: Caller, headers: dict[str, str]) -> "asyncio.Task[tuple[int, Any]]":
            return asyncio.create_task(caller.ask("POST", "/jobs/f?wait=50", headers=headers))

        async def code(caller: Caller, path: str, headers: dict[str, str]) -> tuple[int, str]:
            status, problem = await caller.ask("GET" if "events" in path else "POST", path, headers=headers)
            return status, problem["code"]

        waits = [begin(caller, shop) for caller in pairs[1]]
        await eventually_async(lambda: _waits(one, 2), what="a wait in each process")
        for caller in (one, other):
            assert await code(caller, "/jobs/f?wait=50", shop) == (429, "too-many-waits")
        third = await caller_at(stack, supervisor.url, lambda process: process == one.process)
        waits.append(begin(third, desk))
        await eventually_async(lambda: _waits(other, 3), what="three waits")
        assert await code(other, "/jobs/f?wait=50", desk) == (429, "too-many-waits")
        _, job = await one.ask("POST", "/jobs/f")
        path = f"/jobs/{job['job_id']}/events"
        reader = await caller_at(stack, supervisor.url, lambda process: process == one.process)
        await stack.enter_async_context(reader.session.get(path, headers=shop))
        await eventually_async(lambda: _streams(other, 1), what="a stream")
        assert await code(other, path, shop) == (429, "too-many-streams")
        supervisor.signal(signal.SIGTERM)
        assert [status for status, _ in await asyncio.gather(*waits)] == [202] * 3
    assert await asyncio.to_thread(supervisor.wait) == 0


async def test_a_dead_process_holds_no_places(processes: Processes, redis_url: str) -> None:
    supervisor = start(processes, redis_url)
    async with AsyncExitStack() as stack:
        one, other = await pair(stack, supervisor.url)
        watcher = await caller_at(stack, supervisor.url, lambda process: process == one.process)
        waits = [asyncio.create_task(caller.ask("POST", "/jobs/f?wait=50")) for caller in (one, other)]
        await eventually_async(lambda: _waits(watcher, 2), what="a wait in each process")
        (victim,) = [pid for pid in children(supervisor) if not _is_at(pid, watcher)]
        os.kill(victim, signal.SIGKILL)
        await eventually_async(lambda: _waits(watcher, 1), what="the wait of the process that is left")
        supervisor.signal(signal.SIGTERM)
        kept, lost = await asyncio.gather(*waits, return_exceptions=True)
        assert kept[0] == 202  # type: ignore[index]
        assert isinstance(lost, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError)
    assert await asyncio.to_thread(supervisor.wait) == 0


def _is_at(pid: int, caller: Caller) -> bool:
    """Whether a client is connected to a process."""
    (connections,) = caller.session.connector._conns.values()  # type: ignore[union-attr]
    port = connections[0][0].transport.get_extra_info("sockname")[1]  # type: ignore[union-attr]
    return any(tuple(each.raddr)[1:] == (port,) for each in psutil.Process(pid).net_connections())


async def test_all_drain_and_a_second_signal_hurries_all(processes: Processes, redis_url: str) -> None:
    supervisor = start(processes, redis_url, "--drain", "60")
    async with AsyncExitStack() as stack:
        callers = await pair(stack, supervisor.url)
        watcher, _ = await pair(stack, supervisor.url)
        waits = [asyncio.create_task(caller.ask("POST", "/jobs/f?wait=50")) for caller in callers]
        await eventually_async(lambda: _waits(watcher, 2), what="a wait in each process")
        supervisor.signal(signal.SIGTERM)
        eventually(lambda: supervisor.log.count("shutting down, serving") == 2, what="both drain")
        assert not any(wait.done() for wait in waits)
        supervisor.signal(signal.SIGINT)
        assert [status for status, _ in await asyncio.gather(*waits)] == [202, 202]
    assert await asyncio.to_thread(supervisor.wait) == 0
    assert supervisor.log.count("]: stopped") == 2


def test_they_drain_when_their_supervisor_is_killed(processes: Processes, redis_url: str) -> None:
    """Linux sends a death signal for each thread of the supervisor; a second one would end the drain time."""
    supervisor = start(processes, redis_url, "--drain", "60")
    pids = children(supervisor)
    supervisor.signal(signal.SIGKILL)
    supervisor.wait()
    eventually(lambda: supervisor.log.count("the supervisor is gone") == 2, what="both have seen it")
    for _ in range(MANY):  # in this time a second signal would have ended them
        with socket.create_connection(("127.0.0.1", int(supervisor.url.rpartition(":")[2]))) as served:
            served.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert served.recv(100).startswith(b"HTTP/1.1 200")
    assert "]: stopped" not in supervisor.log
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    eventually(lambda: not any(map(alive, pids)), what="their end")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--keys", "/none/keys.toml"], 1, "keys file /none/keys.toml cannot be used"),
        (["--host", "192.0.2.1", "--insecure"], 1, "Port 1 of 192.0.2.1 cannot be opened: Cannot assign"),
        (["--unix-socket", "/none/a.sock"], 1, "The socket /none/a.sock cannot be made"),
        (["--tls-cert", "/none.pem", "--tls-key", "/none.key"], 1, "/none.pem cannot be read"),
        (["--redis", "http://x"], 1, "The Redis URL is wrong"),
        (["--workers", "0"], 2, "0 is not in the range x>=1"),
        (["--max-wait", "-1"], 2, "max_wait must be between"),
    ],
)
def test_what_is_wrong_is_said_once_before_a_process_starts(
    words: list[str], code: int, message: str
) -> None:
    done = run_jobgate("gateway", "--port", "1", "--workers", "2", *words)
    assert done.returncode == code
    assert message in done.stderr
    assert done.stderr.count("Error: ") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("others", [("--workers", "2"), ()], ids=["several", "one"])
def test_a_port_in_use_is_an_error_whoever_uses_it(
    processes: Processes, redis_url: str, others: tuple[str, ...]
) -> None:
    first = start(processes, redis_url)
    port = first.url.rpartition(":")[2]
    done = run_jobgate("gateway", "--redis", redis_url, "--port", port, *others)
    assert (done.returncode, done.stderr.count("is in use: stop the program that uses it")) == (1, 1)
    stop(first)
    # It is free at once.
    words = ("gateway", "--redis", redis_url, "--port", port, "--drain", "0", "--workers", "1")
    again = processes.start(*words)
    again.wait_for_log(f"listening on http://127.0.0.1:{port}")
    stop(again)


@pytest.mark.parametrize("host", ["localhost", "::"])
async def test_port_0_is_one_port_for_all(processes: Processes, redis_url: str, host: str) -> None:
    words = (
        "--redis",
        redis_url,
        "--host",
        host,
        "--port",
        "0",
        "--workers",
        "2",
        "--drain",
        "0",
        "--insecure",
    )
    supervisor = processes.start("gateway", *words)
    port = supervisor.wait_for_log(r"jobgate\.gateway: listening on http://\S+:(\d+)$")[1]
    async with AsyncExitStack() as stack:
        await pair(stack, f"http://127.0.0.1:{port}")
    stop(supervisor)


def test_a_hangup_while_they_start_ends_none(processes: Processes, redis_url: str) -> None:
    words = ("--redis", redis_url, "--port", "0", "--workers", "2", "--drain", "0")
    supervisor = processes.start("gateway", *words)
    eventually(lambda: len(children(supervisor)) == 2, what="two processes")
    os.kill(supervisor.pid, signal.SIGHUP)
    supervisor.wait_for_log(r"jobgate\.gateway: listening on ")
    assert "ended with" not in supervisor.log
    stop(supervisor)


async def test_keys_are_read_again_by_both(processes: Processes, redis_url: str, tmp_path: Path) -> None:
    keys = tmp_path / "keys.toml"
    key = new_key(keys, "shop", "enqueue:*")
    supervisor = start(processes, redis_url, "--keys", str(keys))
    async with AsyncExitStack() as stack:
        callers = await pair(stack, supervisor.url)
        for caller in callers:
            caller.session.headers["Authorization"] = f"Bearer {key}"
            assert (await caller.ask("POST", "/jobs/f"))[0] == 202
        new_key(keys, "desk", "enqueue:*")
        keys.write_text(keys.read_text().replace("enqueue:*", "read", 1))

        async def refused() -> bool:
            return {(await caller.ask("POST", "/jobs/f"))[0] for caller in callers} == {403}

        await eventually_async(refused, what="both have read the keys again")
        supervisor.signal(signal.SIGHUP)
        eventually(lambda: supervisor.log.count("SIGHUP, reading keys") == 2, what="a signal for both")
        assert await refused()
    stop(supervisor)


async def test_both_serve_a_unix_socket_and_its_file_goes(
    processes: Processes, redis_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "jobgate.sock"
    supervisor = start(processes, redis_url, "--unix-socket", str(path))
    supervisor.wait_for_log(r"jobgate\.gateway: listening on http\+unix://\S+jobgate\.sock$")
    seen = []
    for frozen, awake in (children(supervisor), children(supervisor)[::-1]):
        # Otherwise one process may take all connections while it is idle.
        os.kill(frozen, signal.SIGSTOP)
        caller = Caller("http://localhost", aiohttp.UnixConnector(str(path)))
        async with caller.session:
            assert (await caller.ask("GET", "/livez"))[0] == 200
        seen.append(caller.process)
        os.kill(frozen, signal.SIGCONT)
        assert alive(awake)
    assert seen[0] != seen[1]
    for number, how in ((1, signal.SIGKILL), (2, signal.SIGTERM)):
        os.kill(children(supervisor)[0], how)
        supervisor.wait_for_log(f"gateway {number} ended with")
        eventually(lambda: len(children(supervisor)) == 2, what="a successor")
        assert path.is_socket(), "it belongs to the supervisor"
    stop(supervisor)
    assert not path.exists()


async def test_both_serve_tls(processes: Processes, redis_url: str, tmp_path: Path) -> None:
    tls = make_pair(tmp_path, "first")
    options = ("--tls-cert", str(tls.certificate), "--tls-key", str(tls.key), "--base-path", "/jobgate")
    supervisor = start(processes, redis_url, *options)
    supervisor.wait_for_log("listening on https://")
    trust = ssl.create_default_context(cafile=tls.certificate)
    seen = set()
    for _ in range(MANY):
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
            url = supervisor.url.replace("http:", "https:") + "/jobgate/livez"
            async with session.get(url) as answer:
                assert answer.status == 200
                seen.add(answer.headers["X-Request-ID"].partition("-")[0])
        if len(seen) == 2:
            break
    assert len(seen) == 2
    stop(supervisor)


def test_they_end_when_their_supervisor_is_killed(processes: Processes, redis_url: str) -> None:
    supervisor = start(processes, redis_url)
    pids = children(supervisor)
    supervisor.signal(signal.SIGKILL)
    supervisor.wait()
    eventually(lambda: not any(map(alive, pids)), what="their end")
    assert supervisor.log.count("]: stopped") == 2


async def test_a_frozen_process_is_replaced(processes: Processes, redis_url: str) -> None:
    supervisor = start(processes, redis_url, "--frozen-after", "2")
    first = children(supervisor)[0]
    os.kill(first, signal.SIGSTOP)
    supervisor.wait_for_log(r"gateway 1 is frozen for \d s, it was killed: its open requests are cut off")
    eventually(lambda: not alive(first), what="its end")
    await eventually_async(lambda: _has_successor(supervisor.url), what="its successor")
    stop(supervisor)
