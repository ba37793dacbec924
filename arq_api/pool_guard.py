"""One event loop at a time for a pool of redis-py."""

from typing import Any

from jobgate.client import Home

#: Connections that a forked process has inherited. They are never released: that would touch the parent's.
_inherited: list[Any] = []


class PoolGuard:
    """Limits the connections of a redis-py pool to one event loop at a time.

    Args:
        home: That loop; None = the one in which the first command is sent.
    """

    def __init__(self, home: Home | None = None) -> None:
        self._home = home

    def enter(self, pool: Any) -> None:
        """Drop the connections of a loop that is gone, so that the next command opens new ones.

        Where no loop runs it does nothing: what is made there belongs to none yet.

        Raises:
            RuntimeError: They belong to another loop that is still open.
        """
        here, before = Home.here_if_any(), self._home
        if here is None or here == before:
            return
        if before is not None and not before.is_gone:
            raise RuntimeError(
                "This pool is in use in another event loop: its commands work only there. "
                "Create one pool for each loop."
            )
        if before is not None:
            if before.process != here.process:
                _inherited.extend((*pool._available_connections, *pool._in_use_connections))
            pool.reset()
        self._home = here
