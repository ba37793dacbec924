"""Connections of a class that the user wrote: to a fake server, through a proxy, with instrumentation."""

import asyncio
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import ConnectionPool, Redis

#: Arguments that tie a connection to the pool that made it.
_OF_THEIR_POOL = ("event_dispatcher", "himport_registry", "maint_notifications", "oss_cluster", "orig_")


@dataclass(frozen=True, slots=True)
class Given:
    """A connection class and its arguments, from the user's pool."""

    #: A connection class of redis.asyncio, or a subclass.
    connection_class: Any
    #: The arguments with which the pool makes connections.
    arguments: Mapping[str, Any]
    #: None = unlimited.
    max_connections: int | None = None

    def client(self, **ours: Any) -> Redis:
        """Return a client on such connections.

        Args:
            ours: Arguments that override the user's, if the class has them.
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
    """A blocking client on such connections, for a thread; it runs its own event loop."""

    def __init__(self, given: Given, **ours: Any) -> None:
        """Take the arguments of `Given.client`; connects on first use."""
        self._redis: Any = given.client(**ours)
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)

    @property
    def connection_pool(self) -> "BlockingClient":
        """The object with `disconnect`, as on a client of redis-py."""
        return self

    def execute_command(self, *args: Any) -> Any:
        """Send a command and return its answer."""
        return self._runner.run(self._redis.execute_command(*args))

    def disconnect(self) -> None:
        """Close all connections; the next command opens one."""
        self._runner.run(self._redis.connection_pool.disconnect())

    def close(self) -> None:
        """Close the client for good."""
        self._runner.run(self._redis.aclose())
        self._runner.close()


def parameters(connection_class: type) -> dict[str, inspect.Parameter]:
    """Return all arguments of a connection's constructor, including those of its base classes."""
    found: dict[str, inspect.Parameter] = {}
    for each in reversed(connection_class.__mro__):
        if "__init__" in vars(each):
            found |= inspect.signature(each).parameters
    return found
