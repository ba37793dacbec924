"""Workers that announce cron jobs when the test says so."""

from dataclasses import replace
from typing import Any

from harness.systems.gateways import PlayedWorker
from jobgate.broker import Broker, Schedule, Timetable
from jobgate.broker.catalogue import Catalogue

#: The queue of their jobs.
QUEUE = "arq:queue"


def daily(**changes: Any) -> Schedule:
    """Return a schedule: every day at 03:00 UTC, unless changed."""
    timetable = Timetable.of(hour=3, minute=0, microsecond=0)
    return replace(Schedule(queue=QUEUE, timetable=timetable, timezone="UTC"), **changes)


async def announce_cron(
    broker: Broker,
    *found: Schedule,
    function: str = "cron:f",
    name: str = "w",
    description: str | None = None,
) -> PlayedWorker:
    """Announce a worker with cron jobs that started long ago."""
    worker = PlayedWorker(broker, function, name=name)
    document = replace(worker.catalogue.functions[function], schedules=found, description=description)
    worker.catalogue = Catalogue({function: document})
    await worker.announce()
    return worker
