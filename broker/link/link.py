"""The link to Redis: runs scripts and commands within a deadline."""

import asyncio
import os
from collections.abc import Iterable, Sequence
from typing import Any, Final

from hiredis import pack_command
from redis import exceptions as redis_errors
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection

from jobgate.broker.backoff import Backoff, with_jitter
from jobgate.broker.errors import BrokerError, BrokerUnavailable, WriteInDoubt
from jobgate.broker.link.peers import Peers
from jobgate.broker.link.translation import WrongServer, is_wrong_server, translate
from jobgate.broker.scripts import Script

#: Pauses between the tries of one operation.
_BACKOFF = Backoff(first=0.01, longest=0.5)
#: Commands in flight at once; more wait for their turn, which bounds the number of connections.
_MOST_AT_ONCE = 64

#: Share of an operation's time in which a connection must open, so that there is time for another try; and
#: the seconds that it gets at least, since TLS across continents is slow.
_OPENING, _SHORTEST_OPENING = 1 / 3, 1.5

#: Complete answers of Redis: the command was not run, and the connection can be used again.
_REFUSALS = (
    redis_errors.ResponseError,
    redis_errors.BusyLoadingError,
    redis_errors.AuthenticationError,
    WrongServer,
)

#: The method that says whether a connection has something to read, its end included. That of redis-py < 8
#: takes some turns of the event loop.
_CAN_READ: Final = "can_read" if hasattr(AbstractConnection, "can_read") else "can_read_destructive"
_TAKES_TURNS: Final = _CAN_READ == "can_read_destructive"


class Link:
    """Runs commands on a pool of connections.

    Every script except `claim` may be repeated with the same arguments and then returns the same answer. This
    makes it safe to retry when an answer was lost.

    Args:
        redis: The client whose pool is used; its own retries must be off.
        deadline: Seconds for one operation, including its retries.
        address: Where Redis is, for messages.
    """

    def __init__(self, redis: Redis, *, deadline: float, address: str = "") -> None:
        self.deadline = deadline
        self.address = address
        self._redis = redis
        # redis-py leaves these methods of its pools untyped.
        self._pool: Any = redis.connection_pool
        self._peers = Peers()
        #: Connections of the pool that wait for the next operation; the last one has been used last.
        self._at_hand: list[AbstractConnection] = []
        #: The process and the event loop of its connections, from the first use on.
        self._home: tuple[int, asyncio.AbstractEventLoop] | None = None
        self._turns = asyncio.Semaphore(min(_MOST_AT_ONCE, self._pool.max_connections))
        self._is_closed = False

    async def run(
        self,
        script: Script,
        keys: Sequence[str],
        args: Sequence[Any],
        *,
        repeat: bool = True,
        since: float | None = None,
        timeout: float | None = None,
        is_hint: bool = False,
        is_vouched: bool = False,
    ) -> Any:
        """Run a script that writes.

        Args:
            script: The script.
            keys: Its KEYS.
            args: Its ARGV.
            repeat: Whether to send it again when its answer was lost.
            since: Time of the event loop at which the deadline starts; None = now.
            timeout: Seconds, if fewer than the deadline.
            is_hint: The write may be lost, as in a failover: use any connection, and accept its answer
                without checking which server sent it.
            is_vouched: The server has just been heard from over another connection: use a connection to it
                even if it has been silent.

        Raises:
            WriteInDoubt: It was sent but not answered within the deadline, or Redis stopped it halfway.
            BrokerUnavailable: It was never sent; nothing happened.
            BrokerFull: Redis refused it; nothing happened.
            BrokerMisconfigured: Redis refused it; nothing happened.
        """
        operation = _Operation(_calls(script, keys, args), repeat=repeat, writes=True)
        operation.is_hint, operation.is_vouched = is_hint, is_vouched
        return await self._within_deadline(operation, since=since, timeout=timeout)

    async def run_in_doubt(
        self, script: Script, keys: Sequence[str], args: Sequence[Any], *, since: float | None = None
    ) -> tuple[Any, bool]:
        """Run a script like `run`; returns its answer, and whether an earlier answer to this call was lost.

        In that case the script may have done its work before, and find no trace of it now.
        """
        operation = _Operation(_calls(script, keys, args), writes=True)
        answer = await self._within_deadline(operation, since=since)
        return answer, operation.lost_an_answer

    async def read(
        self, script: Script, keys: Sequence[str], args: Sequence[Any], *, timeout: float | None = None
    ) -> Any:
        """Run a script that writes nothing, in `timeout` seconds if they are fewer than the deadline.

        Raises what `run` raises, except WriteInDoubt.
        """
        return await self._within_deadline(_Operation(_calls(script, keys, args)), timeout=timeout)

    async def command(self, *args: Any, timeout: float | None = None) -> Any:
        """Run one command that writes nothing; timeout and errors as in `read`."""
        return await self._within_deadline(_Operation([args]), timeout=timeout)

    async def connection(self, *, timeout: float) -> AbstractConnection:
        """Open a connection outside the pool; the caller disconnects it.

        Raises:
            BrokerUnavailable: No connection within `timeout` seconds.
            BrokerMisconfigured: Redis refused it.
        """
        self._check_home()
        connection: AbstractConnection = self._pool.make_connection()
        self._peers.add(connection, in_pool=False)
        try:
            async with asyncio.timeout(timeout):
                await connection.connect()  # type: ignore[no-untyped-call]
        except BaseException as error:
            await connection.disconnect(nowait=True)
            if isinstance(error, Exception):
                raise translate(error, self.address) from error
            raise
        return connection

    def note_error(self, connection: AbstractConnection, error: Exception) -> BrokerError:
        """Return the broker's own error for one on such a connection, and stop using a wrong server."""
        if is_wrong_server(error):
            self._peers.leave(connection)
        return translate(error, self.address)

    async def close(self) -> None:
        """Close the pool. Operations under way lose their connections, and are not tried again."""
        self._is_closed = True
        await self._redis.aclose()

    def _check_home(self) -> asyncio.AbstractEventLoop:
        """Return the event loop. Raises RuntimeError in another one and after a fork: nothing answers."""
        here = (os.getpid(), asyncio.get_running_loop())
        if self._home is None:
            self._home = here
        elif self._home != here:
            raise RuntimeError("This broker belongs to another event loop or process: make one for each.")
        return here[1]

    async def _within_deadline(
        self, operation: "_Operation", *, timeout: float | None = None, since: float | None = None
    ) -> Any:
        loop = self._check_home()
        limit = self.deadline if timeout is None else min(timeout, self.deadline)
        operation.opening = max(limit * _OPENING, _SHORTEST_OPENING)
        begin = loop.time() if since is None else since
        try:
            async with asyncio.timeout_at(begin + limit), self._turns:
                return await self._until_answered(operation)
        except (redis_errors.RedisError, OSError, TimeoutError) as error:
            if operation.may_have_happened:
                raise WriteInDoubt from error
            cause = operation.last_error or error
            raise translate(cause, self.address, writes=operation.writes) from error
        finally:
            if self._is_closed:
                # One that was being opened then, or that a later operation has opened.
                await self._pool.disconnect()

    async def _until_answered(self, operation: "_Operation") -> Any:
        failures = 0
        while True:
            try:
                return await self._call(operation)
            except (redis_errors.RedisError, OSError) as error:
                operation.last_error = error
                if self._is_closed or not operation.may_be_repeated(error):
                    raise
            failures += 1
            await asyncio.sleep(with_jitter(_BACKOFF.pause(failures)))

    async def _call(self, operation: "_Operation") -> Any:
        """Call the right server once; a late answer counts only if it is still the right one.

        `execute_command` of redis-py would not reveal whether a command that failed had been sent.
        """
        operation.is_sent = operation.left_server = False
        connection = await self._connection(operation)
        try:
            answer = await self._exchange(connection, operation)
            if not (operation.is_hint or self._peers.is_prompt(connection)):
                await self._make_sure(connection, operation)
        except BaseException as error:
            if is_wrong_server(error):
                self._peers.leave(connection)
                operation.left_server = True
            if operation.left_server or not isinstance(error, _REFUSALS):
                await connection.disconnect(nowait=True)
                operation.lost_an_answer |= operation.is_sent
            await self._pool.release(connection)
            raise
        self._at_hand.append(connection)
        return answer

    async def _make_sure(self, connection: AbstractConnection, operation: "_Operation") -> None:
        """Raise ConnectionError if a late answer came from a server that was replaced."""
        async with asyncio.timeout(operation.opening):
            if not await self._peers.stands(connection):
                raise redis_errors.ConnectionError("its late answer came from a server that was replaced")

    async def _connection(self, operation: "_Operation") -> AbstractConnection:
        """Return a connection that leads to the right server, for one operation."""
        if self._at_hand and await self._can_use(connection := self._at_hand.pop(), operation):
            return connection
        return await self._connection_of_pool(operation)

    async def _can_use(self, connection: AbstractConnection, operation: "_Operation") -> bool:
        """Return whether an operation can use a connection at once; if not, give it back to the pool."""
        can_use = False
        try:
            if operation.is_vouched:
                self._peers.vouch(connection)
            can_use = self._peers.is_ready(connection, be_sure=not operation.is_hint)
            can_use = can_use and not await _has_ended(connection)
        finally:
            if not can_use:
                await self._pool.release(connection)
        return can_use

    async def _connection_of_pool(self, operation: "_Operation") -> AbstractConnection:
        async with asyncio.timeout(operation.opening):
            connection: AbstractConnection = await self._pool.get_connection()
            try:
                if operation.is_vouched:
                    self._peers.vouch(connection)
                await self._peers.ready(connection, be_sure=not operation.is_hint)
            except BaseException:
                await connection.disconnect(nowait=True)
                await self._pool.release(connection)
                raise
            return connection

    async def _exchange(self, connection: AbstractConnection, operation: "_Operation") -> Any:
        """Send and read, in the second form (EVAL) if Redis does not know the script yet."""
        for call in operation.calls:
            operation.is_sent = True
            try:
                await connection.send_packed_command(packed(call), check_health=False)
                return await connection.read_response()
            except redis_errors.NoScriptError:
                continue
            except Exception as error:
                # After a refusal nothing has happened.
                operation.is_sent = not (isinstance(error, _REFUSALS) or is_wrong_server(error))
                raise
        raise redis_errors.NoScriptError


async def _has_ended(connection: AbstractConnection) -> bool:
    """Whether an idle connection was closed, or has received something that nobody asked for."""
    reader: Any = getattr(connection, "_reader", None) if _TAKES_TURNS else None
    if isinstance(reader, asyncio.StreamReader):
        return reader.at_eof() or bool(vars(reader)["_buffer"])
    try:
        return not connection.is_connected or await getattr(connection, _CAN_READ)()
    except (redis_errors.RedisError, OSError):
        return True


def packed(command: Iterable[Any]) -> bytes:
    """Return a command in Redis' wire format; hiredis packs many times faster than redis-py.

    Stock arq producers can write ids that are not UTF-8. They are decoded, and encoded here, with
    `surrogateescape`.
    """
    parts: Any = tuple(command)
    try:
        wire: bytes = pack_command(parts)
    except UnicodeEncodeError:
        parts = tuple(
            part.encode(errors="surrogateescape") if isinstance(part, str) else part for part in parts
        )
        wire = pack_command(parts)
    return wire


def _calls(script: Script, keys: Sequence[str], args: Sequence[Any]) -> list[tuple[Any, ...]]:
    rest = (len(keys), *keys, *args)
    return [("EVALSHA", script.sha, *rest), ("EVAL", script.source, *rest)]


class _Operation:
    """One operation, and what is known about its calls so far."""

    def __init__(self, calls: Sequence[Sequence[Any]], *, repeat: bool = True, writes: bool = False) -> None:
        self.calls = calls
        self.repeat = repeat
        self.writes = writes
        self.is_hint = self.is_vouched = False
        #: Seconds in which a connection must open.
        self.opening = 1.0
        self.is_sent = False
        self.lost_an_answer = False
        #: Whether the last call was refused by the wrong server.
        self.left_server = False
        self.last_error: Exception | None = None

    def may_be_repeated(self, error: Exception) -> bool:
        """Return whether to call again after this error of the last call."""
        return self.repeat and (self.left_server or type(translate(error)) is BrokerUnavailable)

    @property
    def may_have_happened(self) -> bool:
        """Whether the operation may have been carried out although no answer arrived."""
        return self.writes and self.lost_an_answer
