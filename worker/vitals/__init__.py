"""How a worker stays alive and shows it: leases, heartbeats, metrics, log lines."""

from jobgate.worker.vitals.abort_listener import AbortListener
from jobgate.worker.vitals.announcer import Announcer, Counts, look_for_workers
from jobgate.worker.vitals.job_log import JobLog
from jobgate.worker.vitals.lease_keeper import EXIT_WEDGED, LeaseKeeper
from jobgate.worker.vitals.liveness import Liveness, Pulse, State
from jobgate.worker.vitals.loop_watch import LoopWatch
from jobgate.worker.vitals.metrics import WorkerMetrics
from jobgate.worker.vitals.status_server import StatusServer

__all__ = [
    # Roles
    "AbortListener", "Announcer", "LeaseKeeper", "LoopWatch", "StatusServer",
    # Observers
    "Counts", "JobLog", "WorkerMetrics",
    # Signs of life
    "EXIT_WEDGED", "Liveness", "Pulse", "State", "look_for_workers",
]  # fmt: skip
