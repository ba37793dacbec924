"""A cron job as JSON."""

from typing import Any

from jobgate.broker import LastRun, ScheduleState, in_words
from jobgate.gateway.jobs import moment, shown


def schedule_json(state: ScheduleState, *, sees_jobs: bool) -> dict[str, Any]:
    """Return the JSON of a cron job.

    Args:
        state: The cron job with its runs.
        sees_jobs: Whether the caller may see the ids and errors of all jobs.
    """
    live = state.live
    schedule = live.schedule
    return {
        "id": shown(live.schedule_id),
        "function": shown(live.function),
        "description": shown(live.description),
        "queue": shown(schedule.queue),
        "words": in_words(schedule.timetable),
        "fields": schedule.named_fields(),
        "timezone": shown(schedule.timezone),
        "unique": schedule.unique,
        "run_at_startup": schedule.run_at_startup,
        "job_id": shown(schedule.job_id),
        "timeout": live.timeout,
        "max_tries": live.max_tries,
        "workers": live.workers,
        "next_runs": None if state.next_ms is None else list(map(moment, state.next_ms)),
        "last_runs": [_run_json(one, sees_jobs=sees_jobs) for one in state.last_runs],
    }


def _run_json(run: LastRun, *, sees_jobs: bool) -> dict[str, Any]:
    return {
        "outcome": run.outcome.value,
        "job_id": shown(run.job_id) if sees_jobs else None,
        "due_time": moment(run.due_ms),
        "start_time": moment(run.start_ms),
        "finish_time": moment(run.finish_ms),
        "code": shown(run.code),
        "error": shown(run.error) if sees_jobs else None,
        "kept": run.is_kept,
    }
