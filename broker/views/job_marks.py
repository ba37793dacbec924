"""Marks of jobs, which identify their states: read for many jobs at once, and what they show of a job."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from jobgate.broker.bodies import begun_ms, claimed_ms, progress_of, worker_of
from jobgate.broker.milliseconds import ms_of
from jobgate.broker.part import Core
from jobgate.broker.records import JobBody
from jobgate.broker.scripts import script
from jobgate.broker.views.job_view import JobMark, JobStatus, JobView


class Marks(NamedTuple):
    """The marks of some jobs at one moment."""

    #: The time of Redis.
    now_ms: int
    #: In the order of the jobs; None = unknown.
    marks: Sequence[JobMark | None]


async def read_marks(core: Core, queues: Sequence[str], job_ids: Sequence[str]) -> Marks:
    """Return the marks of jobs, as `Broker.mark` does with these queues, in one call.

    Args:
        core: Where to read.
        queues: All queues to look in, in this order.
        job_ids: The jobs; a few hundred at most.
    """
    keys = core.keys
    prefixes = [keys.job(""), keys.result(""), keys.in_progress(""), keys.retry(""), keys.retried("")]
    prefixes += [keys.progress(queue, "") for queue in queues]
    answer = await core.link.read(script("marks"), [keys.epoch, *queues], [*prefixes, *job_ids])
    now_ms, data_set, *states = answer
    core.data_set.note(data_set)
    return Marks(now_ms, [mark_of_state(now_ms, queues, state) for state in states])


def mark_of_state(now_ms: int, queues: Sequence[str], state: Sequence[Any]) -> JobMark | None:
    """Return the mark of a state as marks.lua returns it; None = there is no such job."""
    body, result, token, *_, score, _, _ = state
    status = status_of(now_ms, body, result, token, score)
    return None if status is None else job_mark(status, queues, state, (body, result))


def status_of(
    now_ms: int, body: bytes | None, result: bytes | None, token: bytes | None, score: bytes | None
) -> JobStatus | None:
    """Return the status of a job with these values; None = there is no such job."""
    if result is not None:
        return JobStatus.COMPLETE
    if token is not None:
        return JobStatus.IN_PROGRESS
    if score is None and body is None:
        return None
    return JobStatus.DEFERRED if score is not None and float(score) > now_ms else JobStatus.QUEUED


def job_mark(
    status: JobStatus, queues: Sequence[str], state: Sequence[Any], marks: tuple[Any, Any]
) -> JobMark:
    """Return the mark of a job.

    Args:
        status: Its status.
        queues: Where it was looked for.
        state: Ends with token, tries, position of the queue, due time, progress, and the job as which it was
            run again.
        marks: The marks of its body and its result.
    """
    *_, token, tries, place, score, progress, retried = state
    if status is JobStatus.COMPLETE:
        return ("complete", marks[1], retried) if retried else ("complete", marks[1])
    # While it runs the score is the end of its lease, which is renewed all the time.
    due = None if status is JobStatus.IN_PROGRESS else score
    return status, marks[0], token, tries, queues[place - 1] if place else None, due, progress


def due_ms_of(mark: JobMark | None) -> int | None:
    """Return when a deferred job is due, in unix ms; None = it is not deferred."""
    return ms_of(mark[5]) if mark and mark[0] == JobStatus.DEFERRED else None


def moved(view: JobView, mark: JobMark | None) -> JobView | None:
    """Return a job in the state of a later mark, without reading it; None = it must be read.

    That suffices for all states between the enqueue and the end of one job.

    Args:
        view: An earlier state.
        mark: A mark that was read later.
    """
    if not (mark and view.mark) or view.has_ended or mark[0] == JobStatus.COMPLETE or mark[1] != view.mark[1]:
        return None
    status, _, token, tries, queue, due, progress = mark
    holder = None if token is None else token.decode(errors="replace")
    return replace(
        view,
        status=status,
        queue=queue,
        tries=count_of(tries),
        due_time_ms=ms_of(due) if due else None,
        worker=worker_of(holder),
        running_since_ms=running_since(holder, view.body),
        progress=progress_of(progress, token),
        mark=mark,
    )


def running_since(token: str | None, body: JobBody | None) -> int | None:
    """Return when the current try of a job began, in unix ms; None = it does not run, or unknown."""
    sent_ms = claimed_ms(token)
    return begun_ms(sent_ms, body.enqueue_time_ms) if sent_ms is not None and body else sent_ms


def count_of(tries: bytes | None) -> int:
    """Return a stored number of tries."""
    try:
        return int(tries or 0)
    except ValueError:  # something else wrote this key
        return 0
