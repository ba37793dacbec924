"""Which server each connection leads to, and for how long that is believed.

A connection says nothing of what happens to its address: after a failover it may lead to a former master that
takes writes and loses them, or to a replica. So a server introduces itself on each new connection, and a
connection that has been silent for a while is replaced before it is used again, which resolves the name anew.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from redis import exceptions as redis_errors
from redis.asyncio.connection import AbstractConnection

from jobgate.broker.errors import BrokerMisconfigured

#: Seconds between two answers in which a connection is believed to lead to the same, right server: less than
#: any failover takes.
TRUSTED_FOR = 1.0

#: Answers of a server that is not the one to talk to, or not yet.
WRONG_SERVER = frozenset(
    ("READONLY", "MASTERDOWN", "LOADING", "UNBLOCKED", "MOVED", "ASK", "CLUSTERDOWN", "NOAUTH")
)
#: The same where redis-py has a class of its own and takes the code away.
WRONG_SERVER_ERRORS = (
    redis_errors.AskError,
    redis_errors.BusyLoadingError,
    redis_errors.ClusterDownError,
    redis_errors.MasterDownError,
    redis_errors.ReadOnlyError,
)


class WrongServer(redis_errors.ConnectionError):
    """The server at the other end is not the one to talk to."""


def is_wrong_server(error: BaseException) -> bool:
    """Whether this answer means that another server is to be asked, by a new connection."""
    # A pool of redis-py for a Sentinel's master replaces READONLY by an error of its own.
    named = (error, error.__context__)
    if any(isinstance(each, (WrongServer, *WRONG_SERVER_ERRORS)) for each in named):
        return True
    if isinstance(error, redis_errors.AuthenticationError):
        return "Authentication required" in str(error)
    return str(error).split(" ", 1)[0] in WRONG_SERVER


@dataclass(slots=True)
class Line:
    """What is known of one connection."""

    #: The server's name for its own run, a new one after each restart; None where it does not tell.
    server: str | None = None
    #: Of the link, when this connection was made.
    generation: int = -1
    #: When it last answered, by the clock of the loop.
    answered_at: float = 0.0


class Lines:
    """All connections of one link.

    When one of them finds another server than before behind the name, or is told that its server is the wrong
    one, all older ones are left: those of the pool before their next use, the others at once.
    """

    def __init__(self) -> None:
        self.generation = 0
        #: The server that the newest connection has found; None = unknown.
        self.server: str | None = None
        self._lines: WeakKeyDictionary[AbstractConnection, Line] = WeakKeyDictionary()
        self._own: WeakSet[AbstractConnection] = WeakSet()
        self._closing: set[asyncio.Task[None]] = set()

    async def ready(self, connection: AbstractConnection, *, be_sure: bool = True) -> Line:
        """Make a connection of the pool lead to the right server; raises what redis-py raises.

        Args:
            connection: connected already.
            be_sure: replace it too when it has been silent for longer than it is trusted.
        """
        line = self._lines.get(connection)
        if line is None:
            line = self.add(connection)
            await self._meet(connection)
        elif line.generation != self.generation or (be_sure and self._is_silent(line)):
            await self._renew(connection)
        return line

    def _is_silent(self, line: Line) -> bool:
        return asyncio.get_running_loop().time() - line.answered_at > TRUSTED_FOR

    def is_prompt(self, connection: AbstractConnection) -> bool:
        """Whether an answer that has just come followed the one before so soon that it can be believed."""
        line = self._lines[connection]
        if self._is_silent(line):
            return False
        line.answered_at = asyncio.get_running_loop().time()
        return True

    async def stands(self, connection: AbstractConnection) -> bool:
        """Whether the server that has answered after a long silence is still the one behind the name."""
        server = self._lines[connection].server
        await self._renew(connection)
        return self._lines[connection].server == server

    def add(self, connection: AbstractConnection, *, in_pool: bool = True) -> Line:
        """Take a connection in; its server introduces itself whenever it is connected from now on."""
        line = self._lines[connection] = Line()
        # redis-py leaves this untyped.
        register: Any = connection.register_connect_callback
        register(self._meet)
        if not in_pool:
            self._own.add(connection)
        return line

    def leave(self, connection: AbstractConnection) -> None:
        """Leave the server of this connection, which has said that it is the wrong one."""
        line = self._lines.get(connection)
        if line is not None and line.generation == self.generation:
            self._begin_generation()

    async def _renew(self, connection: AbstractConnection) -> None:
        await connection.disconnect(nowait=True)
        await connection.connect()  # type: ignore[no-untyped-call]

    async def _meet(self, connection: AbstractConnection) -> None:
        """Hear who is at the other end; closes the connection when it is the wrong one."""
        try:
            said = await _introduction(connection)
            _check(said)
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        line = self._lines[connection]
        line.server = said.get("run_id")
        if line.server != self.server:
            is_known, self.server = self.server is not None, line.server
            if is_known:
                self._begin_generation()
        line.generation = self.generation
        line.answered_at = asyncio.get_running_loop().time()

    def _begin_generation(self) -> None:
        self.generation += 1
        for connection in list(self._own):
            # In a task of its own: it may be the very connection that is being read.
            task = asyncio.get_running_loop().create_task(self._close_if_old(connection))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _close_if_old(self, connection: AbstractConnection) -> None:
        line = self._lines.get(connection)
        if line is not None and 0 <= line.generation < self.generation:
            await connection.disconnect(nowait=True)


async def _introduction(connection: AbstractConnection) -> Mapping[str, str]:
    """What the server says of itself; nothing where it may not be asked."""
    await connection.send_command("INFO", "server", "replication", check_health=False)
    try:
        answer = await connection.read_response()
    except redis_errors.ResponseError:
        return {}
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else str(answer)
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def _check(said: Mapping[str, str]) -> None:
    if said.get("redis_mode", said.get("server_mode")) == "cluster":
        raise BrokerMisconfigured(
            "Redis runs in cluster mode, which jobgate does not support: use a single server, or a master "
            "with Sentinels, with cluster-enabled set to no."
        )
    if said.get("role") == "slave":
        raise WrongServer("READONLY this server is a replica")
