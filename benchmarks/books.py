"""What limits of keys, indexes of ended jobs and counters cost an enqueue and a drain.

Both sides run in turns. One has all three: the key that enqueues has a rate and a number of pending jobs,
which it does not reach. The other has none: no limits, and scripts that keep no indexes and counters.

What is compared is the processor's time, of the gateway or worker and of Redis together: a few percent would
be lost in what else a machine does meanwhile.
"""

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import redis

from benchmarks import load
from benchmarks.marks import Mark, paired
from benchmarks.processes import ROOT, Child, free_port, gateway, process
from jobgate.broker.embedded import EmbeddedServer
from jobgate.gateway import new_key

BODY = b'{"args":[42,"de"],"kwargs":{"key":"value"}}'
REQUESTS, JOBS = 20_000, 40_000
LIMITS = {"rate": 1e6, "burst": 1_000_000, "pending": 1_000_000}


def enqueue(server: EmbeddedServer, rounds: int) -> Mark:
    """Measure single requests over HTTP."""
    full, bare = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        requests = {}
        for port, limits in ((full, LIMITS), (bare, {})):
            key, entry = new_key("caller", ("enqueue:*",), limits=limits)
            (Path(folder) / f"{port}.toml").write_text(entry)
            requests[port] = load.post("/jobs/noop", BODY, Authorization=f"Bearer {key}")

        def rate(child: Child, port: int) -> float:
            empty(server)
            before = child.cpu + of_redis(server)
            load.run(port, requests[port], connections=64, requests=REQUESTS, expected=b"202")
            return REQUESTS / (child.cpu + of_redis(server) - before)

        words = [sys.executable, "-m", "benchmarks.without_books", "gateway", "--redis", server.url]
        words += ["--port", str(bare), "--keys", f"{folder}/{bare}.toml"]
        with (
            gateway(server.url, full, "--keys", f"{folder}/{full}.toml") as one,
            process(*words, port=bare) as other,
        ):
            rate(one, full), rate(other, bare)
            ours, theirs = paired(
                "enqueue with books", rounds, lambda: rate(one, full), lambda: rate(other, bare)
            )
    name = "Enqueue over HTTP with limits, indexes and counters, against none of them"
    return Mark(name, "requests a second of the processor", ours, "none", theirs, at_least=0.9)


def drain(server: EmbeddedServer, rounds: int) -> Mark:
    """Measure one worker, and a client that enqueues what it runs."""

    def rate(kind: str) -> float:
        empty(server)
        before = of_children() + of_redis(server)
        words = [sys.executable, "-m", "benchmarks.drain", kind, str(server.port), str(JOBS)]
        subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
        return JOBS / (of_children() + of_redis(server) - before)

    ours, theirs = paired("drain with books", rounds, lambda: rate("limited"), lambda: rate("bare"))
    name = "No-op jobs enqueued and drained with limits, indexes and counters, against none of them"
    return Mark(name, "jobs a second of the processor", ours, "none", theirs, at_least=0.9)


def of_redis(server: EmbeddedServer) -> float:
    """Return the processor's time that Redis has taken, in seconds."""
    with redis.Redis(port=server.port) as client:
        info = client.info("cpu")
    return float(info["used_cpu_user"] + info["used_cpu_sys"])


def of_children() -> float:
    """Return that of all children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def empty(server: EmbeddedServer) -> None:
    """Forget all jobs, and what was kept of them."""
    with redis.Redis(port=server.port) as client:
        client.flushall()
