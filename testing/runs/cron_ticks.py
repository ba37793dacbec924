"""The runs of cron jobs while a test lets time pass."""

from datetime import datetime

from jobgate.broker import Broker
from jobgate.worker import CronJob, Settings, Tick, TickWriter


class CronTicks:
    """The times at which cron jobs run.

    Args:
        settings: Has the cron jobs.
        begin: The time from which they count.
    """

    def __init__(self, settings: Settings, begin: datetime) -> None:
        self._settings = settings
        self._next = [(self._after(begin, cron), cron) for cron in settings.cron_jobs]

    def _after(self, moment: datetime, cron: CronJob) -> datetime:
        return cron.timetable.next_after(moment, self._settings.timezone)

    @property
    def next_due(self) -> datetime | None:
        """The next of these times; None = there are no cron jobs."""
        return min((due for due, _ in self._next), default=None)

    async def enqueue_until(self, now: datetime, broker: Broker) -> None:
        """Enqueue the runs that are due, as a worker does.

        Raises:
            BrokerError: One cannot be enqueued.
        """
        ticks = [Tick(cron, self._settings.queue, "testing", due) for due, cron in self._next if due <= now]
        self._next = [(self._after(due, cron) if due <= now else due, cron) for due, cron in self._next]
        for error in await TickWriter(broker, lambda name, reason, runs: None).enqueue(ticks):
            if error is not None:
                raise error
