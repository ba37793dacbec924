"""How Redis stores what it is given: the memory in use, what happens when that is full, and the disk."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Storage:
    """How Redis stores what it is given; None = Redis does not say."""

    #: Bytes in use.
    used_memory: int | None = None
    #: Bytes that it may use; 0 = no limit of its own.
    max_memory: int | None = None
    #: `maxmemory-policy`; any other than `noeviction` loses jobs when memory is short. `unknown` = not said.
    eviction: str = "unknown"
    #: Memory of the process divided by the memory in use.
    fragmentation: float | None = None
    #: Keys that were evicted since it was started.
    evicted_keys: int | None = None
    #: `aof`, `rdb`, `none`, or `unknown` if CONFIG is not allowed.
    durability: str = "unknown"
    #: Whether it could not write to its disk when it last had to; then it refuses writes.
    is_disk_failing: bool = False


def storage_of(reported: Mapping[str, str], settings: Mapping[str, str]) -> Storage:
    """Return what INFO and CONFIG say.

    Args:
        reported: The lines of INFO.
        settings: The answer of CONFIG GET; empty = it is not allowed.
    """
    return Storage(
        used_memory=_whole(reported.get("used_memory")),
        max_memory=_whole(reported.get("maxmemory")),
        eviction=reported.get("maxmemory_policy", "unknown"),
        fragmentation=_number(reported.get("mem_fragmentation_ratio")),
        evicted_keys=_whole(reported.get("evicted_keys")),
        durability=durability_of(settings),
        is_disk_failing="err"
        in {reported.get("rdb_last_bgsave_status"), reported.get("aof_last_write_status")},
    )


def durability_of(settings: Mapping[str, str]) -> str:
    """Return how Redis persists its data: `aof`, `rdb`, `none`, or `unknown` without settings."""
    if not settings:
        return "unknown"
    if settings.get("appendonly") == "yes":
        return "aof"
    return "rdb" if settings.get("save") else "none"


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
