"""One run of a worker, from its start to its end; and runs of single jobs without Redis."""

from jobgate.worker.runs.rehearsal import Rehearsal
from jobgate.worker.runs.run import Run, codec_of
from jobgate.worker.runs.shutdown import STOP_GRACE

__all__ = [
    "Rehearsal",
    "Run",
    "STOP_GRACE",
    "codec_of",
]
