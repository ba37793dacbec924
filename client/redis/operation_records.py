"""What operators see of the broker's queues, workers and functions."""

from collections.abc import Sequence

from jobgate.broker import (
    NO_DEFAULT,
    FunctionActivity,
    LastRun,
    LiveFunction,
    LiveWorker,
    MinuteActivity,
    Parameter,
    QueueDepth,
    ScheduleState,
    WorkerVitals,
    in_words,
    time_of,
)
from jobgate.client.operate import (
    Activity,
    FunctionInfo,
    FunctionParameter,
    LastHour,
    QueueInfo,
    RunningJob,
    ScheduledRun,
    ScheduleInfo,
    WorkerInfo,
)


def queue_info(depth: QueueDepth, minutes: Sequence[MinuteActivity]) -> QueueInfo:
    """Return a queue with its last hour."""
    return QueueInfo(
        queue=depth.queue,
        queued=depth.queued,
        deferred=depth.deferred,
        in_progress=depth.in_progress,
        oldest_due_age=depth.oldest_due_age,
        paused=depth.is_paused,
        paused_since=time_of(depth.paused_since_ms),
        workers=depth.workers,
        health_line=depth.has_health_line,
        last_hour=_last_hour(minutes),
    )


def _last_hour(minutes: Sequence[MinuteActivity]) -> LastHour:
    by_function: dict[str, list[FunctionActivity]] = {}
    for minute in minutes:
        for name, activity in minute.functions.items():
            by_function.setdefault(name, []).append(activity)
    functions = {name or None: _sum(by_function[name]) for name in sorted(by_function)}
    return LastHour(
        start=time_of(minutes[0].minute_ms) if minutes else None,
        minutes=tuple(_sum(list(minute.functions.values())) for minute in minutes),
        total=_sum([each for some in by_function.values() for each in some]),
        functions=functions,
    )


def _sum(activities: Sequence[FunctionActivity]) -> Activity:
    kinds = Activity.__dataclass_fields__
    return Activity(**{kind: sum(getattr(one, kind) for one in activities) for kind in kinds})


def worker_info(worker: LiveWorker, vitals: WorkerVitals, functions: Sequence[str] | None) -> WorkerInfo:
    """Return a worker that offers these functions; None = not known."""
    record = worker.record
    return WorkerInfo(
        worker=record.worker_id,
        host=record.host,
        pid=record.pid,
        version=record.version,
        queues=tuple(record.queues),
        functions=None if functions is None else tuple(functions),
        start_time=time_of(record.start_time_ms),
        heartbeat_time=time_of(worker.heartbeat_ms),
        max_jobs=record.max_jobs,
        in_progress=record.in_progress if vitals.in_progress is None else vitals.in_progress,
        running=tuple(
            RunningJob(job_id=one.job_id, function=one.function, start_time=time_of(one.since_ms))
            for one in vitals.running
        ),
        succeeded=record.complete,
        failed=record.failed,
        retried=record.retried,
        lag=vitals.lag,
        memory=vitals.memory,
    )


def schedule_info(state: ScheduleState) -> ScheduleInfo:
    """Return a cron job."""
    live, schedule = state.live, state.live.schedule
    return ScheduleInfo(
        id=live.schedule_id,
        function=live.function,
        description=live.description,
        queue=schedule.queue,
        words=in_words(schedule.timetable),
        fields={
            name: None if found is None else tuple(found) for name, found in schedule.named_fields().items()
        },
        timezone=schedule.timezone,
        unique=schedule.unique,
        run_at_startup=schedule.run_at_startup,
        job_id=schedule.job_id,
        timeout=live.timeout,
        max_tries=live.max_tries,
        workers=live.workers,
        next_runs=None if state.next_ms is None else tuple(filter(None, map(time_of, state.next_ms))),
        last_runs=tuple(map(_run, state.last_runs)),
    )


def _run(run: LastRun) -> ScheduledRun:
    return ScheduledRun(
        outcome=run.outcome.value,
        job_id=run.job_id,
        due_time=time_of(run.due_ms),
        start_time=time_of(run.start_ms),
        finish_time=time_of(run.finish_ms),
        code=run.code,
        error=run.error,
        kept=run.is_kept,
    )


def function_info(function: LiveFunction) -> FunctionInfo:
    """Return a function, in the version of most workers."""
    document = function.documents[0]
    parameters = document.parameters
    return FunctionInfo(
        name=function.name,
        description=document.description,
        parameters=None if parameters is None else tuple(map(_parameter, parameters)),
        returns=document.returns,
        returns_description=document.returns_description,
        definitions=document.definitions,
        timeout=document.timeout,
        max_tries=document.max_tries,
        queues=tuple(function.queues),
        workers=function.workers,
        versions=len(function.documents),
    )


def _parameter(parameter: Parameter) -> FunctionParameter:
    has_default = parameter.default is not NO_DEFAULT
    return FunctionParameter(
        name=parameter.name,
        kind=parameter.kind.value,
        required=parameter.required,
        has_default=has_default,
        default=parameter.default if has_default else None,
        description=parameter.description,
        schema=parameter.schema,
    )
