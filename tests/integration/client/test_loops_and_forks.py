"""Pools and clients that are used in one event loop after another, in several at once, and after a fork.

Django, Flask and `async_to_sync` do so: a loop for each call. Each program below is a process of its own,
with uvloop and without, because what is looked for are connections that outlive their loop.
"""

from pathlib import Path

import pytest
from redis import Redis

from harness.processes.commands import Processes, run_python

START = """
import asyncio, os, sys
from jobgate.arq import ArqRedis, create_pool
from jobgate.client import Client
url = sys.argv[1]
if sys.argv[2] == "uvloop":
    import uvloop
    run = uvloop.run
else:
    run = asyncio.run
"""
POOL = """
async def make():
    return await create_pool(url)
pool = run(make())
"""
ENQUEUE = """
async def enqueue(name):
    return (await pool.enqueue_job("add", 1, 2, _job_id=name)).job_id
"""

IN_A_ROW = """
for number in range(3):
    assert run(enqueue(f"loop-{number}")) == f"loop-{number}"
    assert run(pool.get("arq:job:nothing")) is None
    run(pool.set(f"mine-{number}", "1"))
"""
AT_ONCE = """
async def main():
    await enqueue("loop-0")
    await pool.set("mine-0", "1")
    said = await asyncio.to_thread(run, elsewhere())
    assert "another event loop" in said, said
    await enqueue("loop-2")
    await pool.set("mine-2", "1")

async def elsewhere():
    await enqueue("loop-1")
    try:
        await pool.set("refused", "1")
    except RuntimeError as error:
        return str(error)

run(main())
"""
FORK = """
async def main():
    await enqueue("loop-0")
    await pool.set("mine-0", "1")
    child = os.fork()
    if child == 0:
        failed = 1
        try:
            asyncio.run(commands())
            failed = 0
        finally:
            os._exit(failed)
    assert (await asyncio.to_thread(os.waitpid, child, 0))[1] == 0
    await enqueue("loop-2")
    await pool.set("mine-2", "1")

async def commands():
    await enqueue("loop-1")
    await pool.set("mine-1", "1")

run(main())
"""


def run(folder: Path, program: str, *words: str) -> None:
    done = run_python(START + program, *words, folder=folder)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("how", [IN_A_ROW, AT_ONCE, FORK], ids=["in a row", "at once", "fork"])
def test_a_pool(redis_url: str, tmp_path: Path, how: str, loop: str) -> None:
    run(tmp_path, POOL + ENQUEUE + how, redis_url, loop)
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        assert set(redis.zrange("arq:queue", 0, -1)) == {f"loop-{number}" for number in range(3)}
        assert redis.exists("refused") == 0


CLIENT = """
async def main():
    async with Client(address) as client:
        await client.enqueue("add", 1, 2, _job_id="loop-0")
        await asyncio.to_thread(run, elsewhere(client))
        await client.enqueue("add", 1, 2, _job_id="loop-2")
    return client

async def elsewhere(client):
    await client.enqueue("add", 1, 2, _job_id="loop-1")

address = sys.argv[3]
run(main())

async def opened():
    return await Client(address).__aenter__()

client = run(opened())
for number in (3, 4):
    run(client.enqueue("add", 1, 2, _job_id=f"loop-{number}"))
run(client.close())
"""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("over", ["redis", "http"])
def test_a_client(processes: Processes, redis_url: str, tmp_path: Path, over: str, loop: str) -> None:
    address = redis_url if over == "redis" else processes.gateway(redis_url).url
    run(tmp_path, CLIENT, redis_url, loop, address)
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        assert set(redis.zrange("arq:queue", 0, -1)) == {f"loop-{number}" for number in range(5)}


def test_a_broker_refuses_another_loop_before_anything_is_sent(redis_url: str, tmp_path: Path) -> None:
    program = """
from jobgate.broker import Broker, JobRequest
broker = Broker(url)
async def enqueue(name):
    await broker.enqueue(JobRequest(function="add", job_id=name))
run(enqueue("first"))
try:
    run(enqueue("second"))
except RuntimeError as error:
    assert "another event loop" in str(error), error
else:
    raise SystemExit("not refused")
"""
    run(tmp_path, program, redis_url, "asyncio")
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        assert redis.zrange("arq:queue", 0, -1) == ["first"]
