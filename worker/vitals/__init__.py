"""How a worker stays alive and shows it: leases, heartbeats, metrics, log lines."""

from jobgate.worker.vitals.announcer import Announcer, Counts
from jobgate.worker.vitals.job_log import JobLog
from jobgate.worker.vitals.lease_keeper import EXIT_WEDGED, AbortListener, LeaseKeeper
from jobgate.worker.vitals.liveness import Liveness, Pulse, State, Verdict
from jobgate.worker.vitals.loop_watch import LoopWatch
from jobgate.worker.vitals.metrics import WorkerMetrics
from jobgate.worker.vitals.status_server import StatusServer

__all__ = [
    "EXIT_WEDGED",
    "AbortListener",
    "Announcer",
    "Counts",
    "JobLog",
    "LeaseKeeper",
    "Liveness",
    "LoopWatch",
    "Pulse",
    "State",
    "StatusServer",
    "Verdict",
    "WorkerMetrics",
]
