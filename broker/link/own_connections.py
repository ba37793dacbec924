"""Connections of a kind that the user has made: to a fake server, through a proxy, with instruments."""

import asyncio
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import ConnectionPool, Redis

#: Arguments that tie a connection to the pool that has made it.
_OF_THEIR_POOL = ("event_dispatcher", "himport_registry", "maint_notifications", "oss_cluster", "orig_")


@dataclass(frozen=True, slots=True)
class Given:
    """A class of connections and its arguments, as the user's pool has them."""

    #: A class of redis.asyncio, or one made of it.
    connection_class: Any
    #: What the pool makes connections with.
    arguments: Mapping[str, Any]
    #: None = as many as are needed.
    max_connections: int | None = None

    def client(self, **ours: Any) -> Redis:
        """Return a client on such connections.

        Args:
            ours: arguments that win over the user's, where the class knows them.
        """
        known = parameters(self.connection_class)
        theirs = {
            name: value for name, value in self.arguments.items() if not name.startswith(_OF_THEIR_POOL)
        }
        bound: dict[str, Any] = (
            {} if self.max_connections is None else {"max_connections": self.max_connections}
        )
        chosen = theirs | {name: value for name, value in ours.items() if name in known}
        for name in ("retry_on_timeout", "retry_on_error"):
            chosen.pop(name, None)
        client = Redis(
            connection_pool=ConnectionPool(connection_class=self.connection_class, **bound, **chosen)
        )
        client.auto_close_connection_pool = True
        return client


class BlockingClient:
    """A client on such connections whose calls block, for a thread: in an event loop of its own."""

    def __init__(self, given: Given, **ours: Any) -> None:
        """Connect nowhere yet; the arguments are those of `Given.client`."""
        self._redis: Any = given.client(**ours)
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)

    @property
    def connection_pool(self) -> "BlockingClient":
        """What `disconnect` is called on, as on a client of redis-py."""
        return self

    def execute_command(self, *args: Any) -> Any:
        """Send a command and return its answer."""
        return self._runner.run(self._redis.execute_command(*args))

    def disconnect(self) -> None:
        """Close all connections; the next command opens one."""
        self._runner.run(self._redis.connection_pool.disconnect())

    def close(self) -> None:
        """Close all for good."""
        self._runner.run(self._redis.aclose())
        self._runner.close()


def parameters(connection_class: type) -> dict[str, inspect.Parameter]:
    """All arguments of a connection's constructor, those that it hands on to its bases included."""
    found: dict[str, inspect.Parameter] = {}
    for each in reversed(connection_class.__mro__):
        if "__init__" in vars(each):
            found |= inspect.signature(each).parameters
    return found
