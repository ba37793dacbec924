"""Keys of another kind than they should be, and all of Redis as parts that can be compared one by one."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import redis

#: One fact of a database: a key, or one member of a sorted set.
Part = tuple[str, str]
Parts = Mapping[Part, Any]

#: Seconds by which a score may differ from the expected one; what transitions write differs by more.
TOLERANCE = 25.0
#: What differs from call to call: times, and the token of a request.
_CHANGING = re.compile(r'\d{13}(\.\d+)?|"rt":"[^"]*"')
#: Keys whose text tells of others that may be spoilt: only that they are there is compared.
_TELLING = re.compile(r"arq:result:|arq:queue:(?:ended|outcome):|arq:queue:health-check")

#: What may stand in a key in place of the right thing.
KINDS: dict[str, Callable[[Any, str], Any]] = {
    "text": lambda client, key: client.set(key, "no number"),
    "huge number": lambda client, key: client.set(key, str(2**63 - 1)),
    "bytes": lambda client, key: client.set(key, b"\xff\xfe\x00\xc0"),
    "list": lambda client, key: client.rpush(key, "x"),
    "hash": lambda client, key: client.hset(key, "x", "1"),
    "set": lambda client, key: client.sadd(key, "x"),
    "zset": lambda client, key: client.zadd(key, {"x": 4e12}),
}


def spoil(client: redis.Redis, key: str, kind: str) -> None:
    """Put a value of that kind in place of whatever the key holds."""
    client.delete(key)
    KINDS[kind](client, key)


def parts(client: redis.Redis, base: float) -> dict[Part, Any]:
    """Read a whole database. Scores are seconds relative to `base`, times in texts are left out."""
    # redis-py's own types cover both protocols and every way to decode.
    keys: Any = sorted(client.keys())
    with client.pipeline(transaction=False) as asked:
        for key in keys:
            asked.type(key)
            asked.ttl(key)
        told = asked.execute()
        kinds, expiries = [kind.decode() for kind in told[::2]], [ttl >= 0 for ttl in told[1::2]]
        for key, kind in zip(keys, kinds, strict=True):
            _READS[kind](asked, key)
        values = asked.execute()
    found: dict[Part, Any] = {}
    for key, kind, expires, value in zip(keys, kinds, expiries, values, strict=True):
        name = key.decode()
        if kind == "zset":
            found |= {(name, member.decode()): score / 1000 - base for member, score in value}
        else:
            found[name, ""] = (kind, _shown(name, kind, value), expires)
    return found


_READS: dict[str, Callable[[Any, bytes], Any]] = {
    "string": lambda client, key: client.get(key),
    "zset": lambda client, key: client.zrange(key, 0, -1, withscores=True),
    "list": lambda client, key: client.lrange(key, 0, -1),
    "hash": lambda client, key: client.hgetall(key),
    "set": lambda client, key: client.smembers(key),
}


def _shown(name: str, kind: str, value: Any) -> Any:
    if kind == "list":
        return [_CHANGING.sub("…", item.decode("latin-1")) for item in value]
    return _lasting(name, value) if kind == "string" else value


def _lasting(name: str, value: bytes) -> str:
    return "…" if _TELLING.match(name) else _CHANGING.sub("…", value.decode("latin-1"))


def is_same(one: Any, other: Any) -> bool:
    """Whether two facts are the same, as far as time lets them."""
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) < TOLERANCE
    return bool(one == other)


#: What is in the key of a job that failed is kept as its request; the note of the failure names its function.
_KEPT = {"arq:job:a": ("arq:queue:kept-request:a", "arq:queue:failure-note:a")}


@dataclass(frozen=True)
class States:
    """All of Redis before a call, after it, and after the same call where nothing was spoilt."""

    before: Parts
    after: Parts
    done: Parts
    #: The key that was spoilt.
    key: str

    def differing(self, parts: Iterable[Part], *, than: Parts) -> list[Part]:
        """Those of the parts, but for the spoilt key's, that are otherwise after the call."""
        return [
            part
            for part in parts
            if part[0] not in (self.key, *_KEPT.get(self.key, ()))
            and not is_same(self.after.get(part), than.get(part))
        ]

    def all_parts(self) -> set[Part]:
        """Each fact that is known of any of the states."""
        return {*self.before, *self.after, *self.done}

    def of(self, job_id: str) -> list[Part]:
        """The facts about one job."""
        return [
            (key, member)
            for key, member in self.all_parts()
            if member == job_id or (not member and key.endswith(f":{job_id}"))
        ]
