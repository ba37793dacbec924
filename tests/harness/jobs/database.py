"""The whole content of a Redis database, written and read as plain data relative to one moment."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import redis

#: A time in unix ms, as in a wake token.
_TIME = re.compile(r"^\d{13}(?=$| )")
#: Seconds by which a time may differ from the expected one: a test's own run time.
TOLERANCE = 2.0


@dataclass(frozen=True)
class Expiring:
    """A string with a time to live in seconds."""

    value: Any
    ttl: Any


class Marked(float):
    """Seconds from now, to whole milliseconds, and the mark of a lease: a fraction of one."""

    mark: float

    def __new__(cls, seconds: float, mark: float) -> "Marked":
        made = super().__new__(cls, seconds)
        made.mark = mark
        return made


Content = Mapping[str, Any]


def seed(client: redis.Redis, content: Content) -> float:
    """Fill a database; return the moment (unix seconds) that its times are relative to.

    Strings are given as str, int or `Expiring`; sorted sets as dicts of seconds from now (scores that are
    not times as str); lists as lists.
    """
    base = time.time()
    with client.pipeline(transaction=False) as pipeline:
        for key, value in content.items():
            if isinstance(value, Expiring):
                pipeline.set(key, value.value, px=round(value.ttl * 1000))
            elif isinstance(value, dict):
                pipeline.zadd(key, {member: _score(score, base) for member, score in value.items()})
            elif isinstance(value, list):
                pipeline.rpush(key, *value)
            else:
                pipeline.set(key, value)
        pipeline.execute()
    return base


def content(client: redis.Redis, base: float) -> dict[str, Any]:
    """Read a whole database, without its counters; times become seconds relative to `base`."""
    keys = [key for key in client.scan_iter(count=1000) if b":job-activity:" not in key]
    with client.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.type(key)
        kinds = pipeline.execute()
        for key, kind in zip(keys, kinds, strict=True):
            _ask(pipeline, kind, key)
            pipeline.pttl(key)
        answers = iter(pipeline.execute())
    return {
        key.decode(): _shown(kind, next(answers), next(answers), base)
        for key, kind in zip(keys, kinds, strict=True)
    }


def about(expected: Content) -> dict[str, Any]:
    """The same content, with times that may differ by `TOLERANCE`."""
    return {key: _about(value) for key, value in expected.items()}


def _score(score: Any, base: float) -> float:
    if isinstance(score, str):
        return float(score)
    return float(round((base + score) * 1000) + (score.mark if isinstance(score, Marked) else 0))


def _ask(client: redis.Redis, kind: bytes, key: bytes) -> None:
    if kind == b"zset":
        client.zrange(key, 0, -1, withscores=True)
    elif kind == b"list":
        client.lrange(key, 0, -1)
    else:
        client.get(key)


def _shown(kind: bytes, value: Any, ttl: int, base: float) -> Any:
    if kind == b"zset":
        return {member.decode(): score / 1000 - base for member, score in value}
    if kind == b"list":
        return [_TIME.sub("…", item.decode()) for item in value]
    text = value.decode(errors="replace") if isinstance(value, bytes) else value
    return text if ttl < 0 else Expiring(text, ttl / 1000)


def _about(value: Any) -> Any:
    if isinstance(value, Expiring):
        return Expiring(_Text(value.value), pytest.approx(value.ttl, abs=TOLERANCE))
    if isinstance(value, dict):
        return {member: pytest.approx(float(score), abs=TOLERANCE) for member, score in value.items()}
    return value if isinstance(value, list) else _Text(value)


class _Text(str):
    """Equal to any value when it is `…`."""

    __slots__ = ()

    def __new__(cls, value: Any) -> "_Text":
        return super().__new__(cls, str(value))

    def __eq__(self, other: object) -> bool:
        return str(self) == "…" or str.__eq__(self, other)

    __hash__ = str.__hash__
