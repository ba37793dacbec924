"""The one seam for everything that observes what happens in a worker.

There are two kinds of observers:

- An `Observer` is notified, in the event loop, and must not block. Log lines (`vitals/job_log.py`), metrics
  (`vitals/metrics.py`) and arq's counters (`vitals/announcer.py`) are observers. They cannot fail a job: an
  exception is logged once for each method, and dropped. Methods that an observer does not override cost
  nothing.
- `Hooks` (`hooks.py`), the user's own, are awaited in the job's task at three points: before the function,
  before the outcome is stored, and after that. `on_job_start` may fail the try.

`job_started` is called in the job's own task: context variables set there are seen by the function.
"""

from collections.abc import Callable, Sequence
from typing import Any

from jobgate.broker import BrokerError
from jobgate.worker.cron_jobs import Skip
from jobgate.worker.jobs.outcome import Outcome
from jobgate.worker.jobs.running_job import RunningJob
from jobgate.worker.log import logger


class Observer:
    """Base class of observers: override the methods for the events of interest."""

    def claim_failed(self, queue: str, error: BrokerError) -> None:
        """Redis did not answer a claim from a queue; it will be repeated."""

    def pickle_claimed(self, job: RunningJob) -> None:
        """The producer of a job reads pickles only, but this worker writes results otherwise."""

    def job_started(self, job: RunningJob, waited: float) -> None:
        """A try begins, `waited` seconds after the job was due."""

    def job_ended(self, job: RunningJob, outcome: Outcome, seconds: float) -> None:
        """The function has ended after `seconds`; its outcome is not stored yet."""

    def result_refused(self, job: RunningJob, outcome: Outcome) -> None:
        """A waiting caller gets the failure `outcome` instead of a result that cannot be encoded."""

    def outcome_written(self, job: RunningJob, outcome: Outcome, seconds: float) -> None:
        """An outcome is stored, or the lease was lost in time. Jobs that never began have one too."""

    def outcome_stale(self, job: RunningJob) -> None:
        """An outcome was dropped: the lease had run out."""

    def outcome_unconfirmed(self, job: RunningJob) -> None:
        """An outcome may have been stored, but the answer of Redis was lost."""

    def outcome_delayed(self, job: RunningJob, error: BrokerError) -> None:
        """An outcome cannot be written yet, still retrying. Not reported for each retry."""

    def lease_lost(self, job: RunningJob) -> None:
        """The lease of a job ran out or went to another worker."""

    def job_left(self, job: RunningJob, why: str) -> None:
        """A stopping worker leaves a job that will be run again; `why` in words, after the job's name."""

    def suspect_begun(self, job: RunningJob, is_apart: bool) -> None:
        """A job begins that was in flight when its worker died, apart from others or beside them."""

    def thread_abandoned(self, reference: str, count: int) -> None:
        """The function of a stopped job (`id:function`) still runs in a thread; there are `count` such."""

    def coroutine_abandoned(self, job: RunningJob) -> None:
        """The outcome of a job is stored although its function still runs: it ignores its cancellation."""

    def cron_skipped(self, function: str, reason: Skip, count: int) -> None:
        """Runs of a cron job were skipped: `function` is its name, `count` their number."""


class Observers(Observer):
    """Notifies several observers of each event, in their order."""

    def __init__(self, *observers: Observer) -> None:
        for name in vars(Observer):
            if not name.startswith("_"):
                setattr(self, name, _event(observers, name))


def _event(observers: Sequence[Observer], name: str) -> Callable[..., None]:
    """Return a function that calls the methods of this name, in the order of the observers."""
    ignored = getattr(Observer, name)
    methods = [getattr(each, name) for each in observers if getattr(type(each), name) is not ignored]
    failed: set[Callable[..., None]] = set()

    def notify(*event: Any) -> None:
        for method in methods:
            try:
                method(*event)
            except Exception:
                if method not in failed:  # once: it may fail for each of many jobs
                    failed.add(method)
                    logger.exception(
                        "%s failed, ignored (further failures are not logged)", method.__qualname__
                    )

    return notify
