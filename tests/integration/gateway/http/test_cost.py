"""What one request costs the others: what is large is read once, held once, and not for long."""

import asyncio
import json
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.http.bad_requests import request
from harness.jobs.records import request_of
from harness.processes.commands import Process, Processes
from harness.systems.gateways import PlayedWorker, RunningGateway, running_gateway
from harness.waiting import eventually, eventually_async
from jobgate.broker import Broker, JobRequest

MIB = 1024 * 1024
LARGE = "x" * (8_000_000)
#: As JSON a third of a MiB; as objects ten.
ARGUMENTS = [[number, {"text": str(number)}] for number in range(10_000)]
TAGGED = 100
READERS = 60


async def with_broker(redis_url: str, what: Any) -> None:
    async with Broker(redis_url) as broker:
        await what(broker)


def cpu(process: Process) -> float:
    """Seconds of the processor that it has taken."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(process: Process) -> float:
    """MiB that it has in memory now."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


def connected(process: Process) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(process.url.rpartition(":")[2])), timeout=60)


def ask(client: socket.socket, path: str, *headers: str) -> tuple[bytes, bytes]:
    """Head and body of the answer."""
    client.sendall(request(b"", *headers, line=f"GET {path} HTTP/1.1"))
    return answer_of(client)


def answer_of(client: socket.socket) -> tuple[bytes, bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        received += client.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"Content-Length: (\d+)", head)
    parts, left = [body], (int(length[1]) if length else 0) - len(body)
    while left > 0:
        parts.append(client.recv(MIB))
        left -= len(parts[-1])
    return head, b"".join(parts)


def waits(process: Process) -> float:
    with connected(process) as client:
        text = ask(client, "/metrics")[1].decode()
    return float(text.partition("\njobgate_gateway_waits_in_flight ")[2].split()[0])


def tag_of(head: bytes) -> str:
    found = re.search(rb'ETag: ("[^"]+")', head)
    assert found
    return found[1].decode()


@pytest.fixture
def clients() -> Iterator[list[socket.socket]]:
    opened: list[socket.socket] = []
    yield opened
    for client in opened:
        client.close()


def cost_of_others(gateway: Process) -> float:
    """Seconds of the processor for 100 requests of somebody else."""
    with connected(gateway) as client:
        before = cpu(gateway)
        for _ in range(100):
            assert b" 200 " in ask(client, "/jobs/small/status")[0]
        return cpu(gateway) - before


def test_a_hundred_tagged_waits_on_one_large_job_cost_nobody_anything(
    processes: Processes, redis_url: str, clients: list[socket.socket]
) -> None:
    async def enqueue(broker: Broker) -> None:
        await broker.enqueue(JobRequest(function="f", job_id="small", defer_by=3600))
        await broker.enqueue(JobRequest(function="f", job_id="wide", args=[ARGUMENTS]))

    async def claim(broker: Broker) -> None:
        await broker.claim("arq:queue", 1, worker_id="w", token="w:1", lease=300)

    asyncio.run(with_broker(redis_url, enqueue))
    gateway = processes.gateway(redis_url)
    alone = cost_of_others(gateway)
    with connected(gateway) as client:
        tag = tag_of(ask(client, "/jobs/wide/status")[0])
        assert b" 304 " in ask(client, "/jobs/wide/status", f"If-None-Match: {tag}")[0]
    before = memory(gateway)
    for _ in range(TAGGED):
        clients.append(connected(gateway))
        tagged = request(b"", f"If-None-Match: {tag}", line="GET /jobs/wide/status?wait=60 HTTP/1.1")
        clients[-1].sendall(tagged)
    eventually(lambda: waits(gateway) == TAGGED, what="all wait")
    assert cost_of_others(gateway) < 3 * alone + 0.1
    assert memory(gateway) - before < 50
    asyncio.run(with_broker(redis_url, claim))
    answers = [answer_of(client) for client in clients]
    assert {(b" 200 " in head, tag_of(head) == tag) for head, _ in answers} == {(True, False)}
    assert len({body for _, body in answers}) == 1
    shown = json.loads(answers[0][1])
    assert (shown["status"], shown["args"]) == ("in_progress", [ARGUMENTS])
    assert memory(gateway) - before < 100


def test_many_who_do_not_read_a_large_result_cost_one_copy(
    processes: Processes, redis_url: str, clients: list[socket.socket]
) -> None:
    async def enqueue(broker: Broker) -> None:
        await broker.enqueue(JobRequest(function="f", job_id="large"))

    async def finish(broker: Broker) -> None:
        await PlayedWorker(broker).run_one(LARGE)

    asyncio.run(with_broker(redis_url, enqueue))
    gateway = processes.gateway(redis_url)
    before = memory(gateway)

    def more(wait: str) -> None:
        for _ in range(READERS // 2):
            client = connected(gateway)
            client.sendall(request(line=f"GET /jobs/large/result{wait} HTTP/1.1"))
            clients.append(client)
            if not wait:
                assert client.recv(1, socket.MSG_PEEK)

    more("?wait=60")
    eventually(lambda: waits(gateway) == READERS // 2, what="half of them wait")
    asyncio.run(with_broker(redis_url, finish))
    assert all(client.recv(1, socket.MSG_PEEK) for client in clients)
    more("")
    # One copy, some parts for each reader, and what reading it took.
    assert memory(gateway) - before < 100
    assert gateway.most_memory - before < 150
    for client in (clients[0], clients[-1]):
        head, body = answer_of(client)
        assert b" 200 " in head
        assert json.loads(body)["result"] == LARGE


async def test_large_answers_on_their_way_have_a_limit(redis_url: str) -> None:
    async with running_gateway(redis_url, max_unsent=10_000_000) as gateway, Broker(redis_url) as broker:
        worker = PlayedWorker(broker)
        for name in ("one", "two"):
            await broker.enqueue(JobRequest(function="f", job_id=name))
            await worker.run_one(LARGE)
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port, limit=4096)
        writer.write(request(line="GET /jobs/one/result HTTP/1.1"))
        await reader.readuntil(b"\r\n\r\n")
        status, problem, headers = await gateway.get("/jobs/two/result")
        assert (status, problem["code"], headers["Retry-After"]) == (503, "answers-unread", "1")
        assert (await gateway.get("/jobs/two/status"))[0] == 200
        assert (await gateway.get("/jobs/one/result"))[0] == 200, "it is held already"
        # A call has been made, whatever becomes of its answer: it must not be made again.
        calling = asyncio.create_task(gateway.post("/jobs/f?wait=30", {"job_id": "three"}))
        await worker.run_one(LARGE)
        status, job, _ = await calling
        assert (status, job["job_id"], job["status"]) == (202, "three", "complete")
        await reader.readexactly(len(LARGE))
        await eventually_async(lambda: is_answered(gateway, "two"), what="room, on an idle connection")
        writer.close()


async def is_answered(gateway: RunningGateway, job_id: str) -> bool:
    return (await gateway.get(f"/jobs/{job_id}/result"))[0] == 200


async def test_changes_are_told_to_all_who_wait_and_only_to_them(redis_url: str) -> None:
    """What is remembered of a job is compared with what it is, also when its id is used anew."""
    async with running_gateway(redis_url) as gateway, Broker(redis_url) as broker:
        worker = PlayedWorker(broker)
        seen: list[str] = []
        for turn in range(3):
            await broker.enqueue(request_of("f", job_id="again", args=[turn], keep_result=60))
            for step in ("queued", "in_progress", "complete"):
                if step == "in_progress":
                    claimed = await worker.claim()
                elif step == "complete":
                    await worker.finish(claimed, turn)
                tag = seen[-1] if seen else '"none"'
                waiting = [
                    gateway.get("/jobs/again/status?wait=30", headers={"If-None-Match": tag})
                    for _ in range(3)
                ]
                answers = await asyncio.gather(*waiting)
                assert [answer[0] for answer in answers] == [200] * 3
                assert [(answer[1]["status"], answer[1]["args"]) for answer in answers] == [
                    (step, [turn])
                ] * 3
                (new,) = {answer[2]["ETag"] for answer in answers}
                assert new not in seen
                seen.append(new)
                same = await gateway.get("/jobs/again/status?wait=0.05", headers={"If-None-Match": new})
                assert same[0] == 304
            assert (await gateway.get("/jobs/again/result"))[1]["result"] == turn
            redis = broker._core.link
            await redis.command("DEL", broker.keys.result("again"))
            status, problem, _ = await gateway.get("/jobs/again/status", headers={"If-None-Match": seen[-1]})
            assert (status, problem["code"]) == (404, "job-not-found")


def test_pages_of_large_results_are_bounded(processes: Processes, redis_url: str) -> None:
    """However large results are, a page holds few of them at a time, ends in time, and none is left out."""
    count, size = 80, 1_500_000

    async def store(broker: Broker) -> None:
        worker = PlayedWorker(broker)
        for number in range(count):
            await broker.enqueue(JobRequest(function="f", job_id=f"j{number}"))
            await worker.run_one("x" * size)

    asyncio.run(with_broker(redis_url, store))
    gateway = processes.gateway(redis_url)
    before, found, cursor, pages = memory(gateway), set(), "", 0
    with connected(gateway) as client:
        while cursor or not pages:
            head, body = ask(client, f"/jobs?status=complete&limit=1000&cursor={cursor}")
            assert b" 200 " in head
            page = json.loads(body)
            found |= {job["job_id"] for job in page["jobs"]}
            cursor, pages = page["next_cursor"], pages + 1
    assert len(found) == count
    assert pages >= 2, "a page has 16 MiB and what comes with its last ids"
    assert gateway.most_memory - before < 80
