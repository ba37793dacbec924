"""Queues and live workers: what these announce and publish, and what can be seen of both."""

from jobgate.broker.fleet.activity import ActivityPart, FunctionActivity, MinuteActivity
from jobgate.broker.fleet.announce import AnnouncePart
from jobgate.broker.fleet.catalogues import CataloguePart
from jobgate.broker.fleet.cron_runs import CronRunPart
from jobgate.broker.fleet.function_times import (
    TIME_BOUNDS,
    WINDOW,
    FunctionTimes,
    FunctionTimesPart,
    quantile,
)
from jobgate.broker.fleet.live_functions import Availability, LiveFunctions
from jobgate.broker.fleet.live_schedules import LiveSchedule
from jobgate.broker.fleet.live_workers import LiveWorker, LostWorker, WorkerPart
from jobgate.broker.fleet.offers import LiveFunction
from jobgate.broker.fleet.pause import PausePart
from jobgate.broker.fleet.queue_depths import QueueDepth, QueuePart
from jobgate.broker.fleet.shared_reads import SharedReads

__all__ = [
    "TIME_BOUNDS",
    "WINDOW",
    "FunctionTimes",
    "FunctionTimesPart",
    "quantile",
    "ActivityPart",
    "AnnouncePart",
    "Availability",
    "CataloguePart",
    "CronRunPart",
    "FunctionActivity",
    "LiveFunction",
    "LiveFunctions",
    "LiveSchedule",
    "LiveWorker",
    "LostWorker",
    "MinuteActivity",
    "PausePart",
    "QueueDepth",
    "QueuePart",
    "SharedReads",
    "WorkerPart",
]
