"""Queues, workers, functions and counts in the JSON of a gateway; members of later releases are ignored.

Each function raises KeyError, TypeError, ValueError or AttributeError for what no gateway of jobgate sends.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jobgate.client.http.connection import time_in
from jobgate.client.operate import (
    Activity,
    BulkCount,
    FailureCount,
    FailureGroup,
    FunctionInfo,
    FunctionParameter,
    LastHour,
    QueueInfo,
    RunningJob,
    ScheduledRun,
    ScheduleInfo,
    WorkerInfo,
)
from jobgate.client.values import checked

_Json = Mapping[str, Any]
#: Members of a cron job that are taken as they are.
_PLAIN = frozenset(ScheduleInfo.__dataclass_fields__) - {"fields", "next_runs", "last_runs"}
_KINDS = tuple(Activity.__dataclass_fields__)


def read_queue(queue: _Json) -> QueueInfo:
    """Return a queue."""
    depth = queue["depth"]
    record = QueueInfo(
        queue=queue["queue"],
        queued=depth["queued"],
        deferred=depth["deferred"],
        in_progress=depth["in_progress"],
        oldest_due_age=queue["oldest_due_age"],
        paused=queue["paused"],
        paused_since=time_in(queue, "paused_since"),
        workers=queue["workers"],
        health_line=queue["health_line"],
        last_hour=_last_hour(queue["last_hour"]),
    )
    return checked(record)


def _last_hour(hour: _Json) -> LastHour:
    series = hour["series"]
    record = LastHour(
        start=time_in(hour, "start"),
        minutes=tuple(
            checked(Activity(**dict(zip(_KINDS, counts, strict=True))))
            for counts in zip(*(series[kind] for kind in _KINDS), strict=True)
        ),
        total=_activity(hour["total"]),
        functions={one["function"]: _activity(one) for one in hour["functions"]},
    )
    return checked(record)


def _activity(counts: _Json) -> Activity:
    return checked(Activity(**{kind: counts[kind] for kind in _KINDS}))


def read_worker(worker: _Json) -> WorkerInfo:
    """Return a worker."""
    since_start, functions = worker["since_start"], worker["functions"]
    record = WorkerInfo(
        worker=worker["worker"],
        host=worker["host"],
        pid=worker["pid"],
        version=worker["version"],
        queues=tuple(worker["queues"]),
        functions=None if functions is None else tuple(functions),
        start_time=time_in(worker, "start_time"),
        heartbeat_time=time_in(worker, "heartbeat_time"),
        max_jobs=worker["max_jobs"],
        in_progress=worker["in_progress"],
        running=tuple(_running(one) for one in worker["running"]),
        succeeded=since_start["succeeded"],
        failed=since_start["failed"],
        retried=since_start["retried"],
        lag=worker["lag"],
        memory=worker["memory"],
    )
    return checked(record)


def _running(job: _Json) -> RunningJob:
    start_time = time_in(job, "start_time")
    return checked(RunningJob(job_id=job["job_id"], function=job["function"], start_time=start_time))


def read_schedule(schedule: _Json) -> ScheduleInfo:
    """Return a cron job."""
    runs = schedule["next_runs"]
    record = ScheduleInfo(
        **{name: schedule[name] for name in _PLAIN},
        fields={name: None if found is None else tuple(found) for name, found in schedule["fields"].items()},
        next_runs=None if runs is None else tuple(map(datetime.fromisoformat, runs)),
        last_runs=tuple(map(_run, schedule["last_runs"])),
    )
    return checked(record)


def _run(run: _Json) -> ScheduledRun:
    record = ScheduledRun(
        outcome=run["outcome"],
        job_id=run["job_id"],
        due_time=time_in(run, "due_time"),
        start_time=time_in(run, "start_time"),
        finish_time=time_in(run, "finish_time"),
        code=run["code"],
        error=run["error"],
        kept=run["kept"],
    )
    return checked(record)


def read_function(function: _Json) -> FunctionInfo:
    """Return a function."""
    parameters = function["parameters"]
    record = FunctionInfo(
        name=function["name"],
        description=function["description"],
        parameters=None if parameters is None else tuple(map(_parameter, parameters)),
        returns=function["returns"],
        returns_description=function["returns_description"],
        definitions=function["$defs"],
        timeout=function["timeout"],
        max_tries=function["max_tries"],
        queues=tuple(function["queues"]),
        workers=function["workers"],
        versions=function["versions"],
    )
    return checked(record)


def _parameter(parameter: _Json) -> FunctionParameter:
    record = FunctionParameter(
        name=parameter["name"],
        kind=parameter["kind"],
        required=parameter["required"],
        has_default="default" in parameter,
        default=parameter.get("default"),
        description=parameter.get("description"),
        schema=parameter["schema"],
    )
    return checked(record)


def read_count(count: _Json) -> BulkCount:
    """Return the count of a dry run."""
    return checked(
        BulkCount(matched=count["matched"], skipped=count["skipped"], counted_all=count["counted_all"])
    )


def read_failures(found: _Json) -> FailureCount:
    """Return counted failures."""
    record = FailureCount(
        failed=found["failed"],
        retried=found["retried"],
        start=time_in(found, "start"),
        step=found["step"],
        series=tuple(found["series"]),
        groups=tuple(map(_failure_group, found["groups"])),
        other_groups=found["other_groups"],
        counted_all=found["next_cursor"] == "",
    )
    return checked(record)


def _failure_group(group: _Json) -> FailureGroup:
    error = group["error"]
    record = FailureGroup(
        function=group["function"],
        type=error["type"],
        code=error["code"],
        message=error["message"],
        failed=group["failed"],
        retried=group["retried"],
        first_time=time_in(group, "first_time"),
        last_time=time_in(group, "last_time"),
        job_id=group["job_id"],
        queue=group["queue"],
        series=tuple(group["series"]),
    )
    return checked(record)
