"""`jobgate worker`: run the functions of a settings class."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import click

from jobgate.arq import Worker
from jobgate.broker import BrokerError
from jobgate.cli.options import Command, environment, given_words, http, logs, queues, storage, workers
from jobgate.cli.processes import WorkerLife, failed_with, with_startup
from jobgate.cli.supervision import (
    Kind,
    StatusWriter,
    Supervisor,
    changes_in,
    own_number,
    own_status_writer,
)
from jobgate.cli.worker_check import check
from jobgate.worker import EXIT_WEDGED, Settings, WorkerError, load_settings

#: Options that are settings of the worker too.
_SETTINGS: Final = (
    "redis_settings", "queues", "burst", "serializer", "namespace", "metrics_port", "metrics_host", "loop",
    "log_arguments",
)  # fmt: skip
_KIND: Final = Kind(name="worker", loss="running jobs use up a try", exit_wedged=EXIT_WEDGED)


@click.command(
    "worker",
    cls=Command,
    epilog="""\b
Examples:
  jobgate worker my_jobs.WorkerSettings
  jobgate worker my_jobs.WorkerSettings --queue urgent=5 --queue mail
  jobgate worker my_jobs.WorkerSettings --workers 4 --metrics-port 9100
  jobgate worker my_jobs.WorkerSettings --watch .""",
)
@workers.SETTINGS
@storage.REDIS.of_settings()
@storage.NAMESPACE.of_settings()
@storage.SERIALIZER.of_settings()
@queues.WORKER_QUEUES
@workers.BURST
@workers.WORKERS
@workers.FROZEN_AFTER
@workers.WATCH
@workers.LOOP.of_settings()
@workers.CHECK
@http.WORKER_METRICS_PORT
@http.WORKER_METRICS_HOST
@logs.LOG_ARGUMENTS
@logs.log_options
@click.pass_context
def command(context: click.Context, /, settings: str, redis: str | None, **options: Any) -> None:
    """Run the functions of MODULE.WorkerSettings.

    The class is arq's: `functions`, `on_startup`, `max_jobs`, `job_timeout` and so on. Its module is looked
    for in the current directory first.

    SIGTERM and Ctrl-C stop the worker. It claims no more jobs and gives running ones `job_completion_wait`
    seconds; those that have not ended then go back to the queue, which does not use up a try. A second signal
    skips the waiting.

    Exit codes: 0 stopped, 1 could not start, 70 wedged (a function blocked the event loop for ever).
    """
    given = {"redis_settings": redis, **options}
    overrides = {name: given[name] for name in _SETTINGS if given[name] is not None}
    if options["check"]:
        raise SystemExit(check(settings, **overrides))
    environment.check_environment()
    log_format = logs.set_up_log(options, number=own_number())
    status = own_status_writer()
    if status is None and (options["workers"] is not None or options["watch"]):
        raise SystemExit(_supervise(context, options))
    try:
        _run(Settings.of(load_settings(settings), **overrides), status)
    except (WorkerError, BrokerError, ValueError) as error:
        raise failed_with(error, log_format) from error


def _run(settings: Settings, status: StatusWriter | None) -> None:
    """Run a worker and report its state to its supervisor, if it has one."""
    if status is None:
        worker = Worker(with_startup(settings))
    else:
        life = WorkerLife(status, settings)
        worker = Worker(with_startup(settings, life.start))
        life.follow(worker)
    worker.run()


def _supervise(context: click.Context, options: Mapping[str, Any]) -> int:
    """Run worker processes with the command line of this one: they see that they have a supervisor."""
    words = ["worker", *given_words(context)]
    commands = [words] * (options["workers"] or 1)
    if (port := options["metrics_port"]) is not None:  # any free one for each, or this one and the next ones
        commands = [[*each, "--metrics-port", str(port and port + at)] for at, each in enumerate(commands)]
    changes = changes_in(options["watch"]) if options["watch"] else None
    return asyncio.run(Supervisor(commands, _KIND, changes=changes, silence=options["frozen_after"]).run())
