"""The state of Redis itself: whether it accepts writes, how durable they are, and its own figures."""

import asyncio
from dataclasses import dataclass

from jobgate.broker.errors import (
    BrokerError,
    BrokerFull,
    BrokerMisconfigured,
    BrokerUnavailable,
    WriteInDoubt,
)
from jobgate.broker.link import translate
from jobgate.broker.part import Part
from jobgate.broker.scripts import script
from jobgate.broker.views.storage import Storage, durability_of, storage_of


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether Redis accepts writes, and how durable they are."""

    ok: bool
    #: One sentence for operators, with address and cause.
    detail: str
    #: One sentence for callers, without address and cause; empty = ready.
    reason: str = ""
    #: `aof`, `rdb`, `none`, or `unknown` if CONFIG is not allowed.
    durability: str = "unknown"
    #: `maxmemory-policy`; any other than `noeviction` loses jobs when memory is short.
    eviction: str = "unknown"

    @property
    def risks(self) -> tuple[str, ...]:
        """A sentence for each setting that may lose jobs, with what to do."""
        evicts = (
            f"Redis may evict jobs when its memory is full (maxmemory-policy is {self.eviction}): "
            "set maxmemory-policy to noeviction"
        )
        forgets = "Redis keeps nothing on disk, so a restart loses all jobs: set appendonly to yes"
        found = (
            (evicts, self.eviction not in {"noeviction", "unknown"}),
            (forgets, self.durability == "none"),
        )
        return tuple(sentence for sentence, is_so in found if is_so)


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerInfo:
    """What the server reports about itself, in its own words; `?` = not reported."""

    #: Version of Redis, or of the Redis that the server is compatible with.
    redis_version: str
    #: None = it is not Valkey.
    valkey_version: str | None
    #: Memory in use, such as `1.53M`.
    used_memory: str
    connected_clients: str
    #: Number of keys in this database.
    keys: str


#: Why Redis is not ready, for callers: by the class of the error, and for BrokerUnavailable by its reason.
_REFUSED: tuple[tuple[type[BrokerError], str], ...] = (
    (BrokerFull, "Redis refuses writes: its memory or disk is full, or it cannot persist."),
    (BrokerMisconfigured, "Redis refuses this gateway: see the gateway's log."),
)
_UNAVAILABLE = {
    "": "Redis does not answer correctly.",
    "wrong-server": "The server at the Redis address accepts no writes: it is a replica or still loading.",
    "no-replicas": "Redis refuses writes: too few of its replicas are connected.",
}


class ServerPart(Part):
    """Reads the state of Redis."""

    async def check(self, *, timeout: float | None = None) -> Readiness:
        """Return whether Redis accepts a write like that of an enqueue, and its durability settings.

        Args:
            timeout: Seconds, if fewer than the broker's deadline.
        """
        link = self._core.link
        timeout = link.deadline if timeout is None else timeout
        end = asyncio.get_running_loop().time() + timeout
        try:
            await link.run(script("probe"), [self.keys.probe], [], timeout=timeout)
        except BrokerError as error:
            return _not_ready(error, link.address)
        settings = await self._settings(end - asyncio.get_running_loop().time())
        return Readiness(
            ok=True,
            detail="Redis answers.",
            durability=durability_of(settings),
            eviction=settings.get("maxmemory-policy", "unknown"),
        )

    async def server_info(self) -> ServerInfo | None:
        """Return what INFO and DBSIZE say; None if Redis is unavailable or does not allow them."""
        link = self._core.link
        try:
            reported = await self._reported("server", "memory", "clients")
            keys = str(await link.command("DBSIZE"))
        except BrokerError:
            return None
        return ServerInfo(
            redis_version=reported.get("redis_version", "?"),
            valkey_version=reported.get("valkey_version"),
            used_memory=reported.get("used_memory_human", "?"),
            connected_clients=reported.get("connected_clients", "?"),
            keys=keys,
        )

    async def storage(self) -> Storage:
        """Return how Redis stores what it is given, as far as it says; raises `BrokerUnavailable`."""
        try:
            reported = await self._reported("memory", "persistence", "stats")
        except BrokerUnavailable:
            raise
        except BrokerError:  # INFO is not allowed
            reported = {}
        return storage_of(reported, await self._settings(self._core.link.deadline))

    async def _reported(self, *sections: str) -> dict[str, str]:
        """Return the lines of INFO."""
        text = (await self._core.link.command("INFO", *sections)).decode(errors="replace")
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)

    async def _settings(self, timeout: float) -> dict[str, str]:
        try:
            answer = await self._core.link.command(
                "CONFIG", "GET", "appendonly", "save", "maxmemory-policy", timeout=timeout
            )
        except BrokerError:
            return {}
        flat = [part.decode() for part in answer]
        return dict(zip(flat[::2], flat[1::2], strict=True))


def _not_ready(error: BrokerError, address: str) -> Readiness:
    if isinstance(error, WriteInDoubt) and error.__cause__ is not None:
        error = translate(error.__cause__, address)  # the outcome of the probe does not matter
    reason = next((text for kind, text in _REFUSED if isinstance(error, kind)), "")
    return Readiness(ok=False, detail=str(error), reason=reason or _UNAVAILABLE[error.reason])
