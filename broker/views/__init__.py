"""What can be seen of jobs, and of the state of Redis itself."""

from jobgate.broker.views.finished import FinishedPart, end_place, place_after
from jobgate.broker.views.job_marks import due_ms_of, moved, read_marks
from jobgate.broker.views.job_view import JobMark, JobStatus, JobView, mark_of_result, size_of
from jobgate.broker.views.jobs import ViewPart
from jobgate.broker.views.lists import ListPart, QueuedJob
from jobgate.broker.views.newest_ends import EndsPart, JobEnd
from jobgate.broker.views.schedule_states import LastRun, SchedulePart, ScheduleState
from jobgate.broker.views.server_state import Readiness, ServerPart
from jobgate.broker.views.storage import Storage

__all__ = [
    "EndsPart", "FinishedPart", "JobEnd", "JobMark", "JobStatus", "JobView", "LastRun", "ListPart",
    "QueuedJob", "Readiness", "SchedulePart", "ScheduleState", "ServerPart", "Storage", "ViewPart",
    "due_ms_of", "end_place", "mark_of_result", "moved", "place_after", "read_marks", "size_of",
]  # fmt: skip
