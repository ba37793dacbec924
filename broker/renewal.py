"""Renewing leases from a thread: a connection that blocks, away from the event loop."""

from collections.abc import Sequence
from typing import Any

from redis import Redis
from redis import exceptions as redis_errors

from jobgate.broker.core import BODY_TTL_MS, by_queue, ms_of, to_ms
from jobgate.broker.keys import Keys
from jobgate.broker.link import translate
from jobgate.broker.records import Lease, Renewal
from jobgate.broker.scripts import Script, script


class LeaseRenewer:
    """The transition *renew*. To be used from one thread only.

    Args:
        redis: a client of its own.
        keys: the names of the namespace.
    """

    def __init__(self, redis: Redis, keys: Keys) -> None:
        # redis-py leaves `execute_command` untyped.
        self._redis: Any = redis
        self._keys = keys

    def renew(self, leases: Sequence[Lease], *, lease: float) -> Renewal:
        """Extend all leases by `lease` seconds from now.

        Raises:
            BrokerUnavailable: Redis does not answer; the leases run on and may be renewed later.
            BrokerMisconfigured: Redis refuses.
        """
        lost: list[str] = []
        aborts: dict[str, int] = {}
        for queue, part in by_queue(leases, lambda one: one.queue).items():
            lost_here, marked = self._renew(queue, part, lease)
            lost += map(_text, lost_here)
            aborts.update({_text(marked[at]): ms_of(marked[at + 1]) for at in range(0, len(marked), 2)})
        return Renewal(lost=lost, aborts=aborts)

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()

    def _renew(self, queue: str, leases: Sequence[Lease], lease: float) -> tuple[list[bytes], list[bytes]]:
        keys = self._keys
        args: list[Any] = [keys.job(""), keys.in_progress(""), keys.retry(""), to_ms(lease), BODY_TTL_MS]
        for one in leases:
            args += [one.job_id, one.token, one.tries]
        try:
            lost, marked = self._run(script("renew"), [queue, keys.abort], args)
        except (redis_errors.RedisError, OSError) as error:
            raise translate(error) from error
        return lost, marked

    def _run(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        try:
            return self._redis.execute_command("EVALSHA", script.sha, len(keys), *keys, *args)
        except redis_errors.NoScriptError:
            return self._redis.execute_command("EVAL", script.source, len(keys), *keys, *args)


def _text(job_id: bytes) -> str:
    return job_id.decode(errors="surrogateescape")
