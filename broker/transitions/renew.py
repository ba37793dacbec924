"""The transition *renew*; and *release* and *reclaim* from a thread, over its own blocking connection."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from redis import Redis
from redis import exceptions as redis_errors

from jobgate.broker.keys import Keys
from jobgate.broker.link import TRUSTED_FOR, RedisSettings, sync_client, translate, unnamed
from jobgate.broker.milliseconds import BODY_TTL_MS, ms_of, to_ms
from jobgate.broker.part import Part
from jobgate.broker.scripts import Script, script
from jobgate.broker.transitions.leases import ClaimedJob, Lease, Renewal
from jobgate.broker.transitions.release import by_queue, reclaim_call, release_calls

#: Timeout in seconds for connecting and for an answer, and its upper limit as a share of the lease, which
#: leaves time for another try.
_TIMEOUT, _SHARE = 2.0, 1 / 5
#: Share of a lease that all tries of one call may take, so that the next renewal still comes in time.
_ALL_TRIES = 0.5
#: Seconds within which a failed release is retried once.
_RELEASE = 1.0


class RenewPart(Part):
    """Extends leases (renew.lua), for those whose event loop is never blocked for long."""

    async def renew(self, leases: Sequence[Lease], *, lease: float) -> Renewal:
        """Extend all leases by `lease` seconds from now, like `LeaseRenewer.renew`."""
        link = self._core.link
        return _renewal([await link.run(*call) for call in _renew_calls(self.keys, leases, lease)])


class LeaseRenewer:
    """Renews leases, and gives jobs back or takes them back. For use in one thread only.

    Args:
        redis: A client that nothing else uses.
        keys: Key names of the namespace.
    """

    def __init__(self, redis: Redis, keys: Keys) -> None:
        # redis-py leaves `execute_command` untyped.
        self._redis: Any = redis
        self._keys = keys
        #: Monotonic time of the last answer: from then on the connection is trusted for `TRUSTED_FOR`.
        self._answered_at = time.monotonic()

    def renew(self, leases: Sequence[Lease], *, lease: float) -> Renewal:
        """Extend all leases by `lease` seconds from now.

        Raises:
            BrokerUnavailable: Redis does not answer; the leases still run and can be renewed later.
            BrokerMisconfigured: Redis refuses the command.
        """
        within = lease * _ALL_TRIES
        return _renewal(
            [self._answer(*call, within=within) for call in _renew_calls(self._keys, leases, lease)]
        )

    def release(self, claimed: Sequence[ClaimedJob]) -> None:
        """Give jobs back as if they had never been claimed, like `Broker.release`.

        Raises:
            BrokerUnavailable: Redis does not answer; the call may be repeated.
            BrokerMisconfigured: Redis refuses the command.
        """
        for call in release_calls(self._keys, claimed):
            self._answer(*call, within=_RELEASE)

    def reclaim(self, claimed: ClaimedJob, *, lease: float) -> bool:
        """Take back a job that `renew` reported as lost, if nobody else runs it, like `Broker.reclaim`.

        This uses a new connection: the server that reported the loss may be a former master.

        Raises:
            BrokerUnavailable: Redis does not answer.
            BrokerMisconfigured: Redis refuses the command.
        """
        self._disconnect()
        if claimed.body is None:
            return False
        return bool(self._answer(*reclaim_call(self._keys, claimed, lease), within=lease * _ALL_TRIES))

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()

    def _answer(self, script: Script, keys: Sequence[str], args: Sequence[Any], *, within: float) -> Any:
        """Run a script that may be repeated; tries once more on a new connection.

        As in the link, a connection that has been silent is replaced before its next use, and a late answer
        is not trusted: a renewal by a former master has no effect.
        """
        until = time.monotonic() + within
        try:
            if (answer := self._prompt_answer(script, keys, args)) is not None:
                return answer
        except (redis_errors.RedisError, OSError) as error:
            if time.monotonic() > until:
                raise translate(error, writes=True) from error
        self._disconnect()
        try:
            return self._run(script, keys, args)
        except (redis_errors.RedisError, OSError) as error:
            self._disconnect()
            raise translate(error, writes=True) from error

    def _prompt_answer(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Return the answer; None if it came late."""
        now = time.monotonic()
        if now - self._answered_at > TRUSTED_FOR:
            self._disconnect()
            self._answered_at = now
        answer = self._run(script, keys, args)
        before, self._answered_at = self._answered_at, time.monotonic()
        return answer if self._answered_at - before <= TRUSTED_FOR else None

    def _disconnect(self) -> None:
        self._redis.connection_pool.disconnect()

    def _run(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        try:
            return self._redis.execute_command("EVALSHA", script.sha, len(keys), *keys, *args)
        except redis_errors.NoScriptError:
            return self._redis.execute_command("EVAL", script.source, len(keys), *keys, *args)


def renewer_of(settings: RedisSettings, keys: Keys, lease: float) -> LeaseRenewer:
    """Return a renewer for leases of `lease` seconds; it connects on first use."""
    timeout = min(_TIMEOUT, lease * _SHARE)
    opening = min(timeout, settings.conn_timeout)
    client = sync_client(settings, socket_timeout=timeout, socket_connect_timeout=opening, **unnamed())
    return LeaseRenewer(client, keys)


def _renew_calls(
    keys: Keys, leases: Sequence[Lease], lease: float
) -> Iterator[tuple[Script, Sequence[str], Sequence[Any]]]:
    """Yield the script, its KEYS and its ARGV for the leases of each queue."""
    for queue, part in by_queue(leases, lambda one: one.queue).items():
        args: list[Any] = [keys.job(""), keys.in_progress(""), keys.retry(""), to_ms(lease), BODY_TTL_MS]
        for one in part:
            args += [one.job_id, one.token, one.tries]
        yield script("renew"), [queue, keys.abort], args


def _renewal(answers: Sequence[tuple[Sequence[bytes], Sequence[bytes]]]) -> Renewal:
    lost: list[str] = []
    aborts: dict[str, int] = {}
    for lost_here, marked in answers:
        lost += map(_text, lost_here)
        aborts.update({_text(marked[at]): ms_of(marked[at + 1]) for at in range(0, len(marked), 2)})
    return Renewal(lost=lost, aborts=aborts)


def _text(job_id: bytes) -> str:
    return job_id.decode(errors="surrogateescape")
