"""The time that jobgate sees in this process: that of Redis, and what a test has added."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from jobgate.broker import CLOCK_SHIFT, EPOCH, Broker, time_of
from jobgate.testing.errors import TestingError
from jobgate.testing.servers import Keyspace


class MovedTime:
    """Moves the time of this process, and lets the keys of a test expire accordingly.

    Args:
        broker: Knows the time of Redis.
        keyspace: The keys of the test.
        announce: Announces the functions of the test anew.
    """

    def __init__(self, broker: Broker, keyspace: Keyspace, announce: Callable[[], Awaitable[None]]) -> None:
        self._broker = broker
        self._keyspace = keyspace
        self._announce = announce

    async def now(self) -> datetime:
        """Return the time as jobs see it, in UTC. Packages that move the clock of Python do not move it."""
        return time_of(await self._broker.connect()) or EPOCH

    async def end_of(self, to: datetime | None, by: timedelta) -> datetime:
        """Return a moment that is given as such (naive = local time) or by its distance from now.

        Raises:
            TestingError: Both are given, or neither.
        """
        if (to is None) == (by == timedelta(0)):
            raise TestingError("Give a moment (to=…) or a duration, such as hours=1, and not both.")
        return await self.now() + by if to is None else to.astimezone(UTC)

    async def move_to(self, moment: datetime) -> None:
        """Set the time to a later moment.

        Raises:
            TestingError: The moment is not later than now, and there are jobs already.
        """
        now = await self.now()
        if moment <= now and await self._keyspace.has_jobs():
            raise TestingError(
                f"Once there are jobs, time moves forward only: {moment.isoformat(' ')} is not later than "
                f"now, {now.isoformat(' ')}."
            )
        milliseconds = round((moment - now) / timedelta(milliseconds=1))
        CLOCK_SHIFT.move(milliseconds, round(moment.timestamp() * 1000))
        if milliseconds > 0:
            keys = self._broker.keys
            # Leases and heartbeats are of workers that run now, in real time.
            alive = [keys.in_progress(""), keys.catalogue(""), keys.vitals("")]
            await self._keyspace.age(milliseconds, but=alive)
        await self._announce()

    @staticmethod
    def reset() -> None:
        """Return to the time of Redis."""
        CLOCK_SHIFT.ms = 0
