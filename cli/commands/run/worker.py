"""`jobgate worker`: run the functions of a settings class."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import click
from click.core import ParameterSource

from jobgate.arq import Worker
from jobgate.broker import BrokerError
from jobgate.cli.options import Command, environment, http, logs, queues, storage, workers
from jobgate.cli.processes import (
    Supervisor,
    changes_in,
    failed_with,
    own_number,
    own_status_writer,
    with_startup,
)
from jobgate.cli.worker_check import check
from jobgate.worker import Settings, WorkerError, load_settings

#: Options that are settings of the worker too.
_SETTINGS: Final = (
    "redis_settings", "queues", "burst", "serializer", "namespace", "metrics_port", "metrics_host", "loop",
    "log_arguments",
)  # fmt: skip
#: Options that worker processes do not get, or get with other values.
_SUPERVISORS_OWN: Final = ("workers", "watch", "metrics_port", "frozen_after")


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
    log_format = logs.set_up_log(options, worker=own_number())
    if options["workers"] is not None or options["watch"]:
        raise SystemExit(_supervise(context, settings, options))
    try:
        _run(Settings.of(load_settings(settings), **overrides))
    except (WorkerError, BrokerError, ValueError) as error:
        raise failed_with(error, log_format) from error


def _run(settings: Settings) -> None:
    """Run a worker and report its state to its supervisor, if it has one."""
    writer = own_status_writer()
    if writer is None:
        worker = Worker(with_startup(settings))
    else:
        worker = Worker(with_startup(settings, partial(writer.report_start, settings)))
        writer.report_life_of(worker)
    worker.run()


def _supervise(context: click.Context, settings: str, options: Mapping[str, Any]) -> int:
    """Run worker processes with the options of this command, apart from those that are the supervisor's."""
    words = ["worker", settings, *_given_words(context)]
    commands = [words] * (options["workers"] or 1)
    if (port := options["metrics_port"]) is not None:  # any free one for each, or this one and the next ones
        commands = [[*each, "--metrics-port", str(port and port + at)] for at, each in enumerate(commands)]
    changes = changes_in(options["watch"]) if options["watch"] else None
    return asyncio.run(Supervisor(commands, changes=changes, silence=options["frozen_after"]).run())


def _given_words(context: click.Context) -> list[str]:
    """Return the options of the command line as they were given; variables are inherited."""
    words = []
    for parameter in context.command.params:
        name = parameter.name or ""
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if given and isinstance(parameter, click.Option) and name not in _SUPERVISORS_OWN:
            words += _words_of(parameter, context.params[name])
    return words


def _words_of(option: click.Option, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [option.opts[0] if value else option.secondary_opts[0]]
    values = [f"{name}={weight}" for name, weight in value.items()] if isinstance(value, Mapping) else [value]
    return [word for each in values for word in (option.opts[0], str(each))]
