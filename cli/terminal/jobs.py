"""What people see of a job."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobgate.client import JobInfo


def status_of(job: "JobInfo") -> str:
    """Return the status of a job in one word: `failed`, or `aborted`, if it has ended without success."""
    if job.success is False:
        return "aborted" if job.error and job.error.code == "aborted" else "failed"
    return job.status.value


def progress_of(job: "JobInfo") -> str | None:
    """Return the progress of a job in a few words; None where there is none."""
    if job.progress is None:
        return None
    message = f" {job.progress.message}" if job.progress.message else ""
    return f"{job.progress.fraction:.0%}{message}"
