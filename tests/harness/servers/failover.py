"""An address whose server changes while connections live on, and Sentinels that watch a real master."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import redis

from harness.processes import tether
from harness.servers.redis_server import RedisServer
from harness.tools import free_port
from harness.waiting import eventually


class Name:
    """A name: new connections go to `leads_to`, old ones stay where they are, as after a change of DNS."""

    def __init__(self, server: RedisServer) -> None:
        self.leads_to = server
        #: Connections so far.
        self.connections = 0
        self._spoiled: tuple[int, bytes] | None = None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """`redis://` URL of the name."""
        assert self._server is not None
        return f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def spoil(self, answer: str) -> None:
        """From now on answer every request on the connections that there are with this error."""
        self._spoiled = self.connections, f"-{answer}\r\n".encode()

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._begin, "127.0.0.1", 0)

    async def stop(self) -> None:
        """Close everything."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # transports close in the next turn

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.ensure_future(self._serve(self.connections, reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.leads_to.port)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._requests(number, reader, writer, up_writer))
                group.create_task(_copy(up_reader, writer))
        except* (_Closed, OSError):
            pass
        finally:
            for one in (writer, up_writer):
                one.transport.abort()

    async def _requests(
        self,
        number: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        upstream: asyncio.StreamWriter,
    ) -> None:
        while data := await reader.read(1 << 20):
            if self._spoiled and number <= self._spoiled[0]:
                writer.write(self._spoiled[1])
            else:
                upstream.write(data)
        raise _Closed


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 20):
        writer.write(data)
    raise _Closed


class _Closed(Exception):
    """One side hung up."""


@asynccontextmanager
async def name_of(server: RedisServer) -> AsyncIterator[Name]:
    """Give a server a name while the block lasts."""
    name = Name(server)
    await name.start()
    try:
        yield name
    finally:
        await name.stop()


def follow(replica: RedisServer, master: RedisServer | None) -> None:
    """Make a server the replica of another and wait until it has all data; None = make it a master."""
    with replica.client() as client:
        if master is None:
            client.replicaof("NO", "ONE")
            return
        client.replicaof("127.0.0.1", str(master.port))
        eventually(
            lambda: client.info("replication").get("master_link_status") == "up", what="a replica in step"
        )


def wait_for_replica(master: RedisServer) -> None:
    """Wait until a replica has all that was written so far."""
    with master.client() as client:
        assert client.wait(1, 20_000) >= 1


class Sentinels:
    """Some Sentinels that watch one master, called `main`."""

    def __init__(
        self, binary: str, directory: Path, master: RedisServer, *, count: int, down_ms: int
    ) -> None:
        self.ports = [free_port() for _ in range(count)]
        self._processes: list[subprocess.Popen[bytes]] = []
        for port in self.ports:
            folder = directory / f"sentinel-{port}"
            folder.mkdir()
            config = folder / "sentinel.conf"
            config.write_text(
                f"port {port}\nbind 127.0.0.1\ndir {folder}\nlogfile {folder / 'log'}\n"
                f"sentinel monitor main 127.0.0.1 {master.port} {count // 2 + 1}\n"
                f"sentinel down-after-milliseconds main {down_ms}\nsentinel failover-timeout main 6000\n"
            )
            words = tether.command([binary, str(config), "--sentinel"])
            self._processes.append(subprocess.Popen(words, stdin=subprocess.DEVNULL))

    @property
    def url(self) -> str:
        """URL of the master by way of the Sentinels."""
        return f"redis+sentinel://{','.join(f'127.0.0.1:{port}' for port in self.ports)}?master=main"

    def masters(self) -> set[int]:
        """Ports of the master, as each of them knows it."""
        return {int(state["port"]) for state in self._states()}

    def see_all(self, replicas: int) -> bool:
        """Whether each knows so many replicas, and all the other Sentinels."""
        return all(
            (state["num-slaves"], state["num-other-sentinels"]) == (replicas, len(self.ports) - 1)
            for state in self._states()
        )

    def _states(self) -> list[Any]:
        states: list[Any] = []
        for port in self.ports:
            with redis.Redis(port=port, decode_responses=True) as client:
                states.append(client.sentinel_master("main"))
        return states

    def pause(self, number: int) -> None:
        """Freeze one of them."""
        self._processes[number].send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """Kill all of them."""
        for process in self._processes:
            process.kill()
            process.wait()


@contextmanager
def sentinels_of(
    binary: str, directory: Path, master: RedisServer, *, count: int, down_ms: int = 60_000
) -> Iterator[Sentinels]:
    """Run Sentinels while the block lasts."""
    watching = Sentinels(binary, directory, master, count=count, down_ms=down_ms)
    try:
        yield watching
    finally:
        watching.kill()
