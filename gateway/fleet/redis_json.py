"""The storage of Redis as JSON."""

from typing import Any

from jobgate.broker import Storage


def redis_json(storage: Storage) -> dict[str, Any]:
    """Return the JSON of how Redis stores its data."""
    return {
        "used_memory": storage.used_memory,
        "max_memory": storage.max_memory or None,
        "eviction": storage.eviction,
        "fragmentation": storage.fragmentation,
        "evicted_keys": storage.evicted_keys,
        "durability": storage.durability,
        "disk_failing": storage.is_disk_failing,
    }
