"""What can be seen in Redis: jobs, lists, queues, workers, and the state of Redis itself."""

from jobgate.broker.views.activity import ActivityPart, FunctionActivity, MinuteActivity
from jobgate.broker.views.catalogues import CataloguePart
from jobgate.broker.views.finished import FinishedPage, FinishedPart
from jobgate.broker.views.job_marks import due_ms_of, moved, read_marks
from jobgate.broker.views.job_view import JobMark, JobStatus, JobView, mark_of_result, size_of
from jobgate.broker.views.jobs import ViewPart
from jobgate.broker.views.listed_jobs import ListedPart
from jobgate.broker.views.lists import ListPart, QueuedJob
from jobgate.broker.views.live_functions import Availability, LiveFunctions
from jobgate.broker.views.live_workers import LiveWorker, WorkerPart
from jobgate.broker.views.offers import LiveFunction
from jobgate.broker.views.queue_depths import QueueDepth, QueuePart
from jobgate.broker.views.server_state import Readiness, ServerPart
from jobgate.broker.views.shared_reads import SharedReads

__all__ = [
    "Availability", "CataloguePart", "JobMark", "JobStatus", "JobView", "ListPart", "ListedPart",
    "LiveFunction", "LiveFunctions", "LiveWorker", "QueueDepth", "QueuePart", "QueuedJob", "Readiness",
    "ServerPart", "SharedReads", "ViewPart", "WorkerPart", "due_ms_of", "mark_of_result", "moved",
    "read_marks", "size_of", "ActivityPart", "FinishedPage", "FinishedPart", "FunctionActivity",
    "MinuteActivity",
]  # fmt: skip
