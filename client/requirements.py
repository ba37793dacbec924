"""Packages that the base install does not have."""

from collections.abc import Iterator
from contextlib import contextmanager

from jobgate.client.errors import MissingExtra

#: Packages that the client's Redis side imports and the base install lacks.
_OF_REDIS = frozenset({"hiredis", "redis"})


@contextmanager
def needs_redis() -> Iterator[None]:
    """Import the client's Redis side within; raises MissingExtra where a package for it is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _OF_REDIS:
            raise
        raise MissingExtra from None
