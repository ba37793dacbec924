"""The link to Redis: runs scripts and commands within a deadline and names what went wrong."""

import asyncio
import os
import random
from collections.abc import Iterable, Sequence
from typing import Any

from hiredis import pack_command
from redis import exceptions as redis_errors
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection

from jobgate.broker.errors import (
    BrokerError,
    BrokerFull,
    BrokerMisconfigured,
    BrokerUnavailable,
    NotAQueue,
    OutcomeUnknown,
)
from jobgate.broker.link.lines import WRONG_SERVER, WRONG_SERVER_ERRORS, Lines, WrongServer, is_wrong_server
from jobgate.broker.scripts.loader import Script

#: Pauses between two tries of one operation, in seconds: the first and the longest.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.5
#: Commands under way at once; more wait their turn instead of opening connections without end.
_MOST_AT_ONCE = 64

#: The part of an operation's time that one connection may take to open, so that there is time for another
#: try; and the seconds that it has anyhow, since TLS across continents is slow.
_OPENING, _SHORTEST_OPENING = 1 / 3, 1.5

#: As much of Redis' own words as a message takes.
_LONGEST_CAUSE = 160

#: Answers by which Redis says that it is not ready now but will be.
_TRANSIENT = WRONG_SERVER - {"NOAUTH"} | {"BUSY", "TRYAGAIN", "NOREPLICAS"}
#: The same where redis-py has a class of its own and takes the code away.
_NOT_READY = (*WRONG_SERVER_ERRORS, redis_errors.TryAgainError, WrongServer)
#: Answers whose reason is told apart.
_REASONS = {"NOREPLICAS": "no-replicas"}
#: Answers by which Redis says that it cannot take writes.
_FULL = ("OOM", "MISCONF")
#: Ends what Redis and Valkey say of a script that they have stopped.
_IN_SCRIPT = " on @user_script:"
#: Whole answers of Redis, read to their end: the command did not happen, the connection is sound.
_REFUSALS = (
    redis_errors.ResponseError,
    redis_errors.BusyLoadingError,
    redis_errors.AuthenticationError,
    WrongServer,
)


def translate(error: BaseException, address: str = "", *, writes: bool = False) -> BrokerError:
    """The broker's own error for one of redis-py's.

    Its message is for operators and names address and cause; the gateway has words of its own for callers.

    Args:
        error: what redis-py raised.
        address: where Redis is, for the message.
        writes: whether it was raised by a script that writes, and whose first writes may stand.
    """
    if isinstance(error, BrokerError):
        return error
    text = " ".join(str(error).split())[:_LONGEST_CAUSE] or "no answer in time"
    where = f"Redis at {address}" if address else "Redis"
    kind = _kind(error, text)
    if writes and kind is BrokerMisconfigured and _IN_SCRIPT in str(error):
        halfway = OutcomeUnknown(
            f"{where} stopped a script halfway ({text}), what it had written stays: "
            "check the ACL, then repeat the request with the same id."
        )
        halfway.reason = "halfway"
        return halfway
    if kind is BrokerUnavailable:
        made = kind(f"{where} cannot be reached or is not ready ({text}): check that it runs.")
        made.reason = "wrong-server" if is_wrong_server(error) else _REASONS.get(text.split(" ", 1)[0], "")
        return made
    if kind is BrokerMisconfigured:
        return kind(f"{where} refuses ({text}): check address, password, ACL and settings.")
    return kind()


def _kind(error: BaseException, text: str) -> type[BrokerError]:
    code = text.split(" ", 1)[0]
    if isinstance(error, redis_errors.OutOfMemoryError) or code in _FULL or "OOM command" in text:
        return BrokerFull
    if "WRONGTYPE" in text:
        return NotAQueue
    if isinstance(error, _NOT_READY) or code in _TRANSIENT:
        return BrokerUnavailable
    if isinstance(error, redis_errors.AuthenticationError | redis_errors.ResponseError):
        return BrokerMisconfigured
    return BrokerUnavailable


class Link:
    """Runs commands on a pool of connections.

    Every script but `claim` may be repeated with the same arguments and then answers as the first time;
    that is what makes it safe to try again when an answer was lost.

    Args:
        redis: the client whose pool is used; its own retries must be off.
        deadline: seconds for one operation with all its repetitions.
        address: where Redis is, for messages.
    """

    def __init__(self, redis: Redis, *, deadline: float, address: str = "") -> None:
        self.deadline = deadline
        self.address = address
        self._redis = redis
        # redis-py leaves these methods of its pools untyped.
        self._pool: Any = redis.connection_pool
        self._lines = Lines()
        #: The process and the event loop of its connections, from the first use on.
        self._home: tuple[int, asyncio.AbstractEventLoop] | None = None
        self._turns = asyncio.Semaphore(min(_MOST_AT_ONCE, self._pool.max_connections))

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
    ) -> Any:
        """Run a script that writes.

        Args:
            script: what to run.
            keys: its KEYS.
            args: its ARGV.
            repeat: whether it is sent again when its answer was lost.
            since: when the deadline begins, by the clock of the loop; None = now.
            timeout: seconds, if that is less than the deadline.
            is_hint: nothing is lost when it is written into a server that is about to go: it takes any
                connection, and its answer is no proof of the server.

        Raises:
            OutcomeUnknown: sent, but no answer came within the deadline, or Redis stopped it halfway.
            BrokerUnavailable: never sent; nothing happened.
            BrokerFull: refused; nothing happened.
            BrokerMisconfigured: refused; nothing happened.
        """
        operation = _Operation(_calls(script, keys, args), repeat=repeat, writes=True)
        operation.is_hint = is_hint
        return await self._within_deadline(operation, since=since, timeout=timeout)

    async def run_in_doubt(
        self, script: Script, keys: Sequence[str], args: Sequence[Any], *, since: float | None = None
    ) -> tuple[Any, bool]:
        """Run a script as `run` does; return its answer, and whether an earlier answer to this call was lost.

        Then the script may have done its work before, and find no trace of that by now.
        """
        operation = _Operation(_calls(script, keys, args), writes=True)
        answer = await self._within_deadline(operation, since=since)
        return answer, operation.lost_an_answer

    async def read(
        self, script: Script, keys: Sequence[str], args: Sequence[Any], *, timeout: float | None = None
    ) -> Any:
        """Run a script that writes nothing, in `timeout` seconds if that is less than the deadline.

        Raises as `run`, but never OutcomeUnknown.
        """
        return await self._within_deadline(_Operation(_calls(script, keys, args)), timeout=timeout)

    async def command(self, *args: Any, timeout: float | None = None) -> Any:
        """Run one command that writes nothing, in `timeout` seconds as `read` does. Raises as `read`."""
        return await self._within_deadline(_Operation([args]), timeout=timeout)

    async def connection(self, *, timeout: float) -> AbstractConnection:
        """Open a connection of its own, outside the pool; the caller disconnects it.

        Raises:
            BrokerUnavailable: no connection within `timeout` seconds.
            BrokerMisconfigured: Redis refused it.
        """
        self._check_home()
        connection: AbstractConnection = self._pool.make_connection()
        self._lines.add(connection, in_pool=False)
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
        """The broker's own error for one on such a connection; a server that is the wrong one is left."""
        if is_wrong_server(error):
            self._lines.leave(connection)
        return translate(error, self.address)

    async def close(self) -> None:
        """Close the pool."""
        await self._redis.aclose()

    def _check_home(self) -> None:
        """Raise, before anything is sent, in another event loop or after a fork: no answer would come."""
        here = (os.getpid(), asyncio.get_running_loop())
        if self._home is None:
            self._home = here
        elif self._home != here:
            raise RuntimeError("This broker belongs to another event loop or process: make one for each.")

    async def _within_deadline(
        self, operation: "_Operation", *, timeout: float | None = None, since: float | None = None
    ) -> Any:
        self._check_home()
        limit = self.deadline if timeout is None else min(timeout, self.deadline)
        operation.opening = max(limit * _OPENING, _SHORTEST_OPENING)
        begin = asyncio.get_running_loop().time() if since is None else since
        try:
            async with asyncio.timeout_at(begin + limit), self._turns:
                return await self._until_answered(operation)
        except (redis_errors.RedisError, OSError, TimeoutError) as error:
            if operation.may_have_happened:
                raise OutcomeUnknown from error
            cause = operation.last_error or error
            raise translate(cause, self.address, writes=operation.writes) from error

    async def _until_answered(self, operation: "_Operation") -> Any:
        pause = _FIRST_PAUSE
        while True:
            try:
                return await self._call(operation)
            except (redis_errors.RedisError, OSError) as error:
                operation.last_error = error
                if not operation.may_be_repeated(error):
                    raise
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _call(self, operation: "_Operation") -> Any:
        """Call once, on a connection that leads to the right server, and believe no late answer unchecked.

        The connection is taken by hand, not by `execute_command`: only so is it known whether a command
        that failed had been sent.
        """
        operation.is_sent = operation.left_server = False
        connection = await self._connection(operation)
        try:
            answer = await self._exchange(connection, operation)
            if operation.is_hint or self._lines.is_prompt(connection):
                return answer
            async with asyncio.timeout(operation.opening):
                if await self._lines.stands(connection):
                    return answer
            raise redis_errors.ConnectionError("its late answer came from a server that was replaced")
        except BaseException as error:
            if is_wrong_server(error):
                self._lines.leave(connection)
                operation.left_server = True
            if operation.left_server or not isinstance(error, _REFUSALS):
                await connection.disconnect(nowait=True)
                operation.lost_an_answer |= operation.is_sent
            raise
        finally:
            await self._pool.release(connection)

    async def _connection(self, operation: "_Operation") -> AbstractConnection:
        async with asyncio.timeout(operation.opening):
            connection: AbstractConnection = await self._pool.get_connection()
            try:
                await self._lines.ready(connection, be_sure=not operation.is_hint)
            except BaseException:
                await connection.disconnect(nowait=True)
                await self._pool.release(connection)
                raise
            return connection

    async def _exchange(self, connection: AbstractConnection, operation: "_Operation") -> Any:
        """Send and read, with the second form (EVAL) where Redis does not know the script yet."""
        for call in operation.calls:
            operation.is_sent = True
            try:
                await connection.send_packed_command(packed(call), check_health=False)
                return await connection.read_response()
            except redis_errors.NoScriptError:
                continue
            except Exception as error:
                # Refused as a whole: nothing happened.
                operation.is_sent = not (isinstance(error, _REFUSALS) or is_wrong_server(error))
                raise
        raise redis_errors.NoScriptError


def packed(command: Iterable[Any]) -> bytes:
    """One command as Redis' wire takes it; hiredis packs many times faster than redis-py.

    Ids that are not UTF-8, which stock arq producers can write, are read with `surrogateescape` and
    written back the same way.
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
    """One operation and what is known of its calls."""

    def __init__(self, calls: Sequence[Sequence[Any]], *, repeat: bool = True, writes: bool = False) -> None:
        self.calls = calls
        self.repeat = repeat
        self.writes = writes
        self.is_hint = False
        #: Seconds for a connection to open.
        self.opening = 1.0
        self.is_sent = False
        self.lost_an_answer = False
        #: Whether the last call was refused by a server that was the wrong one.
        self.left_server = False
        self.last_error: Exception | None = None

    def may_be_repeated(self, error: Exception) -> bool:
        """Whether to call again after this error of the last call."""
        return self.repeat and (self.left_server or type(translate(error)) is BrokerUnavailable)

    @property
    def may_have_happened(self) -> bool:
        """Whether something may have been written without our knowledge."""
        return self.writes and self.lost_an_answer
