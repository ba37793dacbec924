"""Clients that ask the Sentinels for the master: all at once, so that a frozen one delays no other."""

import asyncio
import queue
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel
from redis import exceptions as redis_errors

#: Seconds to ask all Sentinels; the rest of an operation's time is for Redis itself.
DISCOVERY = 1.0
#: Seconds to wait for other Sentinels once one has answered: that one may have been cut off or frozen.
SECOND_OPINION = 0.2

Address = tuple[str, int]
#: What a Sentinel says about a master.
_State = dict[str, Any]


def async_master(
    hosts: Sequence[Address], name: str, *, sentinel_options: Mapping[str, Any], options: Mapping[str, Any]
) -> redis.asyncio.Redis:
    """Return a client of the master called `name`.

    Args:
        hosts: Addresses of the Sentinels.
        name: Name of the master in the Sentinels' configuration.
        sentinel_options: Arguments of redis-py for connections to the Sentinels.
        options: The same for connections to the master.
    """
    watchers: Any = _AsyncSentinels(hosts, sentinel_kwargs=_hurried(sentinel_options))  # type: ignore[no-untyped-call]
    client: redis.asyncio.Redis = watchers.master_for(name, connection_pool_class=_AsyncMasterPool, **options)
    return client


def sync_master(
    hosts: Sequence[Address], name: str, *, sentinel_options: Mapping[str, Any], options: Mapping[str, Any]
) -> redis.Redis:
    """Return a blocking client; arguments as in `async_master`."""
    watchers: Any = _SyncSentinels(hosts, sentinel_kwargs=_hurried(sentinel_options))  # type: ignore[no-untyped-call]
    client: redis.Redis = watchers.master_for(name, connection_pool_class=_SyncMasterPool, **options)
    return client


def _hurried(options: Mapping[str, Any]) -> dict[str, Any]:
    return {**options, "socket_timeout": DISCOVERY, "socket_connect_timeout": DISCOVERY}


class _Opinions:
    """What the Sentinels say about one master. The newest configuration counts, not the first answer."""

    def __init__(self, name: str, of_all: int) -> None:
        self._name = name
        self._of_all = of_all
        self._seen = 0
        self._epoch = -1
        self._address: Address | None = None

    def add(self, state: _State | None, *, is_healthy: bool) -> None:
        """Add one Sentinel's answer; None = it does not know the master."""
        if state is None:
            return
        self._seen += 1
        epoch = int(state.get("config-epoch", 0))
        if epoch >= self._epoch and (is_healthy or epoch > self._epoch):
            self._epoch = epoch
            self._address = (state["ip"], int(state["port"])) if is_healthy else None

    @property
    def is_found(self) -> bool:
        """Whether a healthy master is known."""
        return self._address is not None

    @property
    def is_certain(self) -> bool:
        """Whether a healthy master is known and most Sentinels have answered."""
        return self.is_found and 2 * self._seen > self._of_all

    def master(self) -> Address:
        """Return the master's address. Raises ConnectionError."""
        if self._address is None:
            what = f"knows a healthy master called {self._name!r}" if self._seen else "answers in time"
            raise redis_errors.ConnectionError(f"no Sentinel {what}")
        return self._address


def _is_healthy(sentinels: Any, state: _State | None, name: str) -> bool:
    return state is not None and bool(sentinels.check_master_state(state, name))


class _AsyncSentinels(redis.asyncio.sentinel.Sentinel):
    async def discover_master(self, service_name: str) -> Address:
        """Return the master's address. Raises ConnectionError."""
        loop = asyncio.get_running_loop()
        opinions = _Opinions(service_name, len(self.sentinels))
        asked = [loop.create_task(self._state(each, service_name)) for each in self.sentinels]
        until = loop.time() + DISCOVERY
        try:
            while asked and not opinions.is_certain:
                done, _ = await asyncio.wait(
                    asked, timeout=max(until - loop.time(), 0), return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    break
                for each in done:
                    asked.remove(each)
                    state = each.result()
                    opinions.add(state, is_healthy=_is_healthy(self, state, service_name))
                if opinions.is_found:
                    until = min(until, loop.time() + SECOND_OPINION)
        finally:
            for each in asked:
                each.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        return opinions.master()

    @staticmethod
    async def _state(watcher: redis.asyncio.Redis, name: str) -> _State | None:
        try:
            masters: Any = await watcher.sentinel_masters()
        except (redis_errors.RedisError, OSError):
            return None
        state: _State | None = masters.get(name)
        return state


class _SyncSentinels(redis.sentinel.Sentinel):
    def discover_master(self, service_name: str) -> Address:
        """Return the master's address. Raises ConnectionError."""
        answers: queue.SimpleQueue[_State | None] = queue.SimpleQueue()
        for each in self.sentinels:
            # Threads, because a Sentinel that hangs must not delay the others; the sockets have a timeout.
            ask = (each, service_name, answers)
            threading.Thread(target=self._ask, args=ask, name="jobgate-sentinel", daemon=True).start()
        opinions = _Opinions(service_name, len(self.sentinels))
        until = time.monotonic() + DISCOVERY
        for _ in self.sentinels:
            try:
                state = answers.get(timeout=max(until - time.monotonic(), 0))
            except queue.Empty:
                break
            opinions.add(state, is_healthy=_is_healthy(self, state, service_name))
            if opinions.is_certain:
                break
            if opinions.is_found:
                until = min(until, time.monotonic() + SECOND_OPINION)
        return opinions.master()

    @staticmethod
    def _ask(watcher: redis.Redis, name: str, answers: "queue.SimpleQueue[_State | None]") -> None:
        try:
            masters: Any = watcher.sentinel_masters()
            answers.put(masters.get(name))
        except Exception:
            # Of any kind: nobody may wait for this answer any more, and close the connection meanwhile.
            answers.put(None)


class _AsyncMasterPool(redis.asyncio.sentinel.SentinelConnectionPool):
    """Also closes its connections to the Sentinels, which redis-py leaves open."""

    async def disconnect(self, inuse_connections: bool = True) -> None:
        await super().disconnect(inuse_connections)
        for watcher in self.sentinel_manager.sentinels:
            await watcher.connection_pool.disconnect()


class _SyncMasterPool(redis.sentinel.SentinelConnectionPool):
    """The same for the blocking client."""

    def disconnect(self, inuse_connections: bool = True) -> None:
        super().disconnect(inuse_connections)
        for watcher in self.sentinel_manager.sentinels:
            watcher.connection_pool.disconnect()
