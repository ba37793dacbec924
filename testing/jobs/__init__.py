"""The jobs of a test: what was enqueued, what ran, and what was expected."""

from jobgate.testing.jobs.assertions import Assertions
from jobgate.testing.jobs.enqueued import EnqueuedJob, jobs_of
from jobgate.testing.jobs.ran_jobs import JobsFailed, RanJob, Recorder

__all__ = ["Assertions", "EnqueuedJob", "JobsFailed", "RanJob", "Recorder", "jobs_of"]
