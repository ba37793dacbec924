"""What goes wrong in the testing kit itself, and jobs that failed in a test."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobgate.testing.ran_jobs import RanJob


class TestingError(Exception):
    """The testing kit cannot do what a test asks for: the message says what to change."""

    #: Not a class of tests, whatever its name.
    __test__ = False


class JobsFailed(TestingError):
    """Jobs failed for good while a test ran them; the cause is the exception of the first one.

    Give `raise_failures=False` to `run_jobs` where a test expects that.
    """

    def __init__(self, jobs: Sequence["RanJob"]) -> None:
        """Keep the jobs.

        Args:
            jobs: Those that failed.
        """
        lines = [f"{job}: {job.error_type}: {job.error_message}" for job in jobs]
        count = "1 job failed" if len(jobs) == 1 else f"{len(jobs)} jobs failed"
        super().__init__("\n  ".join([f"{count}:", *lines]))
        #: Those that failed.
        self.jobs = jobs


class NotImitated(TestingError):
    """The eager client has no Redis, and does not imitate what needs one."""
