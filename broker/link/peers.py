"""Which server each connection leads to, and for how long that is trusted.

A connection does not notice what happens to its address: after a failover it may lead to a former master,
which accepts writes and loses them, or to a replica. So the server is identified on each new connection, and
a connection that has been silent for a while is replaced before its next use, which resolves the address
again.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from redis import exceptions as redis_errors
from redis.asyncio.connection import AbstractConnection

from jobgate.broker.errors import BrokerMisconfigured
from jobgate.broker.link.translation import WrongServer

#: Seconds of silence after which a connection may lead to another server: less than any failover takes.
TRUSTED_FOR = 1.0
#: Seconds of silence that show that a connection is in light use, and seconds after which such a one is
#: replaced: else an idle gateway, which reads every 0.9 s, would never see that its address leads elsewhere.
_LIGHT_USE, _REPLACED_AFTER = 0.75, 10.0


@dataclass(slots=True)
class _Peer:
    """What is known about the server at the other end of one connection."""

    #: The id that the server gives itself at each start; None if it does not reveal it.
    server: str | None = None
    #: Generation of the link at the time of connecting.
    generation: int = -1
    #: When it was connected, and when it last answered, by the monotonic clock.
    met_at: float = 0.0
    answered_at: float = 0.0


class Peers:
    """The servers behind all connections of one link.

    When a connection finds another server behind the address, or its server says that it is the wrong one, a
    new generation begins and all older connections are replaced: those of the pool before their next use,
    others at once.
    """

    def __init__(self) -> None:
        self.generation = 0
        #: The server that the newest connection has found; None = unknown.
        self.server: str | None = None
        self._peers: WeakKeyDictionary[AbstractConnection, _Peer] = WeakKeyDictionary()
        #: Connections outside the pool.
        self._own: WeakSet[AbstractConnection] = WeakSet()
        self._closing: set[asyncio.Task[None]] = set()

    async def ready(self, connection: AbstractConnection, *, be_sure: bool = True) -> None:
        """Make sure that a connection of the pool leads to the right server. Raises errors of redis-py.

        Args:
            connection: An open connection.
            be_sure: Also replace it if it has been silent for longer than it is trusted, or was seldom used
                for long.
        """
        if connection not in self._peers:
            self.add(connection)
            await self._meet(connection)
        elif not self.is_ready(connection, be_sure=be_sure):
            await self._reconnect(connection)

    def is_ready(self, connection: AbstractConnection, *, be_sure: bool = True) -> bool:
        """Whether `ready` would leave a known connection as it is."""
        peer = self._peers[connection]
        if peer.generation != self.generation:
            return False
        return not (be_sure and (self._is_silent(peer) or self._is_due(peer)))

    def vouch(self, connection: AbstractConnection) -> None:
        """Trust the server of an open connection, which has just been heard from over another one."""
        if (peer := self._peers.get(connection)) is not None:
            peer.answered_at = time.monotonic()

    def is_prompt(self, connection: AbstractConnection) -> bool:
        """Return whether an answer that has just arrived came soon enough after the last one."""
        peer = self._peers[connection]
        if self._is_silent(peer):
            return False
        peer.answered_at = time.monotonic()
        return True

    async def stands(self, connection: AbstractConnection) -> bool:
        """Return whether the server that answered after a long silence is still the one at the address."""
        server = self._peers[connection].server
        await self._reconnect(connection)
        return self._peers[connection].server == server

    def add(self, connection: AbstractConnection, *, in_pool: bool = True) -> None:
        """Register a connection; from now on its server is identified whenever it connects."""
        self._peers[connection] = _Peer()
        # redis-py leaves this untyped.
        register: Any = connection.register_connect_callback
        register(self._meet)
        if not in_pool:
            self._own.add(connection)

    def leave(self, connection: AbstractConnection) -> None:
        """Stop using the server of this connection, which said that it is the wrong one."""
        peer = self._peers.get(connection)
        if peer is not None and peer.generation == self.generation:
            self._begin_generation()

    def _is_silent(self, peer: _Peer) -> bool:
        return time.monotonic() - peer.answered_at > TRUSTED_FOR

    def _is_due(self, peer: _Peer) -> bool:
        """Whether a connection in light use should be replaced."""
        now = time.monotonic()
        return now - peer.answered_at > _LIGHT_USE and now - peer.met_at > _REPLACED_AFTER

    async def _reconnect(self, connection: AbstractConnection) -> None:
        await connection.disconnect(nowait=True)
        await connection.connect()  # type: ignore[no-untyped-call]

    async def _meet(self, connection: AbstractConnection) -> None:
        """Identify the server; closes the connection if it is the wrong one."""
        try:
            info = await _introduction(connection)
            _check(info)
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        peer = self._peers[connection]
        peer.server = info.get("run_id")
        if peer.server != self.server:
            is_known, self.server = self.server is not None, peer.server
            if is_known:
                self._begin_generation()
        peer.generation = self.generation
        peer.met_at = peer.answered_at = time.monotonic()

    def _begin_generation(self) -> None:
        self.generation += 1
        for connection in list(self._own):
            # In a task, because it may be the connection that is being read.
            task = asyncio.get_running_loop().create_task(self._close_if_old(connection))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _close_if_old(self, connection: AbstractConnection) -> None:
        peer = self._peers.get(connection)
        if peer is not None and 0 <= peer.generation < self.generation:
            await connection.disconnect(nowait=True)


async def _introduction(connection: AbstractConnection) -> Mapping[str, str]:
    """Return the server's INFO; empty if the ACL does not allow it."""
    await connection.send_command("INFO", "server", "replication", check_health=False)
    try:
        answer = await connection.read_response()
    except redis_errors.ResponseError:
        return {}
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else str(answer)
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def _check(info: Mapping[str, str]) -> None:
    if info.get("redis_mode", info.get("server_mode")) == "cluster":
        raise BrokerMisconfigured(
            "Redis runs in cluster mode, which jobgate does not support: use a single server, or a master "
            "with Sentinels, with cluster-enabled set to no."
        )
    if info.get("role") == "slave":
        raise WrongServer("READONLY this server is a replica")
