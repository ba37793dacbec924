"""What can be seen in Redis: jobs, lists, queues and workers."""

from jobgate.broker.views.jobs import Readiness, ServerInfo, ViewPart
from jobgate.broker.views.lists import ListPart
from jobgate.broker.views.live_functions import Availability, LiveFunctions
from jobgate.broker.views.pages import IdPage, QueuedJob, QueuePage, ResultPage
from jobgate.broker.views.shared_reads import SharedReads

__all__ = [
    "Availability",
    "IdPage",
    "ListPart",
    "LiveFunctions",
    "QueuePage",
    "QueuedJob",
    "Readiness",
    "ResultPage",
    "ServerInfo",
    "SharedReads",
    "ViewPart",
]
