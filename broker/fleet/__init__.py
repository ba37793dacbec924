"""What can be seen of queues and of live workers: depths, counters, and the functions that are offered."""

from jobgate.broker.fleet.activity import ActivityPart, FunctionActivity, MinuteActivity
from jobgate.broker.fleet.catalogues import CataloguePart
from jobgate.broker.fleet.live_functions import Availability, LiveFunctions
from jobgate.broker.fleet.live_schedules import LiveSchedule
from jobgate.broker.fleet.live_workers import LiveWorker, WorkerPart
from jobgate.broker.fleet.offers import LiveFunction
from jobgate.broker.fleet.queue_depths import QueueDepth, QueuePart
from jobgate.broker.fleet.shared_reads import SharedReads

__all__ = [
    "ActivityPart", "Availability", "CataloguePart", "FunctionActivity", "LiveFunction", "LiveFunctions",
    "LiveSchedule", "LiveWorker", "MinuteActivity", "QueueDepth", "QueuePart", "SharedReads", "WorkerPart",
]  # fmt: skip
