"""Where all programs run in turns: one private server, which is emptied before each of them."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from ctypes.util import find_library
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import redis

from benchmarks.running.children import Failed, cpu_seconds
from benchmarks.tables import Table
from jobgate.broker.embedded import EmbeddedServer

__all__ = ["Failed", "Stage", "in_turns", "note"]

#: The variable that names a library to load into a program before others.
_PRELOAD = "LD_PRELOAD"

_begun = time.monotonic()


@dataclass(frozen=True)
class Stage:
    """The private server, and how thoroughly to measure."""

    server: EmbeddedServer
    #: Times that each program has its turn.
    rounds: int
    #: Whether to do a fifth of the work: to see that everything runs, not for figures to quote.
    is_quick: bool = False

    @classmethod
    @contextmanager
    def built(cls, rounds: int, *, is_quick: bool = False) -> Iterator["Stage"]:
        """Run the server while the block runs.

        It writes nothing to its disk: all programs share it, and its disk is not what is measured.
        """
        with TemporaryDirectory() as folder:
            server = EmbeddedServer(Path(folder), options={"appendonly": "no", "save": '""'})
            with _allocator():
                server.start()
            try:
                yield cls(server, rounds, is_quick)
            finally:
                server.stop()

    @property
    def url(self) -> str:
        """The URL of the server."""
        return self.server.url

    @property
    def port(self) -> int:
        """The port of the server."""
        return self.server.port or 0

    @property
    def redis_cpu(self) -> float:
        """Seconds of processor time that the server has taken."""
        return cpu_seconds(self.server.pid or 0)

    @property
    def commands(self) -> int:
        """Commands that the server has run, also inside of scripts."""
        with self.client() as client:
            return int(client.info("stats")["total_commands_processed"])

    def client(self) -> "redis.Redis":
        """Return a client of the server, to be closed."""
        return redis.Redis(port=self.port)

    @property
    def once(self) -> "Stage":
        """The same stage for what is measured in one round: it takes long, or counts what hardly changes."""
        return replace(self, rounds=1)

    def empty(self) -> None:
        """Forget all data."""
        with self.client() as client:
            # SYNC: what is freed later would be missing from the memory of whatever runs next.
            client.execute_command("FLUSHALL", "SYNC")

    def scaled(self, work: int) -> int:
        """Return how much of some work to do."""
        return max(1, work // 5) if self.is_quick else work


@contextmanager
def _allocator() -> Iterator[None]:
    """Let a server that starts here use jemalloc, as Redis and Valkey do wherever they are installed.

    The embedded server is built with the C library's allocator. With a million jobs that one takes as long as
    all the rest of an enqueue.
    """
    name, before = find_library("jemalloc"), os.environ.get(_PRELOAD)
    if name is None:
        note("jemalloc is not installed: long queues cost the server more than they would elsewhere")
        yield
        return
    os.environ[_PRELOAD] = name
    try:
        yield
    finally:
        if before is None:
            del os.environ[_PRELOAD]
        else:
            os.environ[_PRELOAD] = before


def in_turns(
    table: Table, stage: Stage, contenders: Mapping[str, Callable[[], Mapping[str, float]]]
) -> Table:
    """Give each contender its turn in each round, and add what it returns: figures by name.

    One that fails is left out from then on; the table says so.
    """
    left = dict(contenders)
    for number in range(1, stage.rounds + 1):
        for name, measure in list(left.items()):
            stage.empty()
            try:
                figures = measure()
            except Exception as error:  # the other figures of a long run must not be lost
                table.failures[name] = str(error)
                del left[name]
                note(f"{table.name}, {name}: FAILED: {error}")
                continue
            table.add(name, figures)
            note(f"{table.name}, round {number} of {stage.rounds}, {name}: {table.latest(name)}")
    return table


def note(text: str) -> None:
    """Show progress on standard error, with the minutes and seconds since the start."""
    minutes, seconds = divmod(int(time.monotonic() - _begun), 60)
    print(f"{minutes:2d}:{seconds:02d} {text}", file=sys.stderr, flush=True)
