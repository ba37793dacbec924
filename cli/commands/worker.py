"""`jobgate worker`: run the functions of a settings class."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from jobgate.arq import Worker
from jobgate.broker import BrokerError
from jobgate.cli.commands.check import check
from jobgate.cli.options.logs import log_options, set_up_log
from jobgate.cli.options.queue_weights import queue_option
from jobgate.cli.processes.environment import check_environment
from jobgate.cli.processes.failure import failed_with, naming_on_startup
from jobgate.cli.processes.messages import own_mouth, own_number
from jobgate.cli.processes.supervisor import SILENCE, Supervisor
from jobgate.cli.processes.watcher import changes_in
from jobgate.worker import Settings, WorkerError, load_settings

#: Options that are settings of the worker.
_OVERRIDES: Final = (
    "queues", "redis_settings", "burst", "serializer", "namespace", "metrics_port", "metrics_host",
    "loop",
    "log_arguments",
)  # fmt: skip
#: Options that a worker process is not told, or told otherwise.
_SUPERVISORS_OWN: Final = ("workers", "watch", "metrics_port", "frozen_after")


@click.command("worker", context_settings={"auto_envvar_prefix": "JOBGATE"})
@click.argument("settings", metavar="MODULE.WorkerSettings")
@click.option(
    "--redis",
    "redis_url",
    envvar="JOBGATE_REDIS_URL",
    metavar="URL",
    help="redis://, rediss://, unix:// or redis+sentinel:// URL; by default what the settings say, else "
    "redis://localhost:6379.",
)
@queue_option(
    "Queue to work on, by default what the settings say; may be repeated, with commas in the variable. "
    "While all have jobs, a queue gets its weight's part of them; a weight is 1 where none is given.",
    metavar="NAME[=WEIGHT]",
)
@click.option("--burst/--no-burst", default=None, help="Stop when the queue is empty.")
@click.option(
    "--serializer",
    type=click.Choice(["json", "msgpack", "pickle"]),
    help="How results are written. JSON and pickle are recognised when jobs are read, but real pickles "
    "are loaded only with `pickle`: they run code of whoever writes to Redis.  [default: json]",
)
@click.option("--namespace", metavar="NS", help="First part of all Redis keys.  [default: arq]")
@click.option(
    "--metrics-port",
    # The second is what the image sets: a gateway there must not take it.
    envvar=["JOBGATE_METRICS_PORT", "JOBGATE_WORKER_METRICS_PORT"],
    type=click.IntRange(0, 65535),
    metavar="N",
    help="Serve /metrics and /livez on this port.",
)
@click.option(
    "--metrics-host",
    envvar=["JOBGATE_METRICS_HOST", "JOBGATE_WORKER_METRICS_HOST"],
    metavar="H",
    help="Address on which that port listens.  [default: 127.0.0.1]",
)
@click.option(
    "--loop",
    type=click.Choice(["auto", "asyncio", "uvloop"]),
    help="The event loop; `auto` is uvloop where it is installed, and the default.",
)
@click.option(
    "--log-arguments/--no-log-arguments",
    default=None,
    help="Show the arguments of jobs in the log.  [default: yes]",
)
@click.option(
    "--check", is_flag=True, help="Run nothing: look whether a worker is alive, as `jobgate check`."
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Run so many worker processes and start those again that end by themselves. The metrics ports are "
    "the given one and those that follow it.  [default: 1]",
)
@click.option(
    "--frozen-after",
    type=click.FloatRange(min=1),
    default=SILENCE,
    show_default=True,
    metavar="SECONDS",
    help="With --workers or --watch: kill and replace a worker process that shows no sign of life for this "
    "long (at least three leases). A process that is still starting is left alone.",
)
@click.option(
    "--watch",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Start anew when a .py, .toml or .yaml file in this folder changes; for development. Needs the "
    "extra `watch`.",
)
@log_options
@click.pass_context
def command(context: click.Context, /, settings: str, **options: Any) -> None:
    """Run the functions of MODULE.WorkerSettings.

    The class is arq's: `functions`, `on_startup`, `max_jobs`, `job_timeout` and so on. Its module is
    looked for in the current directory first.

    SIGTERM and Ctrl-C stop it: no more jobs are claimed, running ones get `job_completion_wait`
    seconds and are then given back to the queue without a try counted. A second signal hurries it.
    Exit codes: 0 stopped, 1 could not start, 70 wedged (a function blocked the event loop for ever).
    Every option can be given as an environment variable JOBGATE_….
    """
    given = {**options, "redis_settings": options["redis_url"]}
    overrides = {name: given[name] for name in _OVERRIDES if given[name] is not None}
    if options["check"]:
        raise SystemExit(check(settings, **overrides))
    check_environment()
    set_up_log(options, worker=own_number())
    if options["workers"] is not None or options["watch"]:
        raise SystemExit(_supervise(context, settings, options))
    try:
        read = Settings.of(load_settings(settings), **overrides)
        _run(naming_on_startup(read))
    except (WorkerError, BrokerError, ValueError) as error:
        raise failed_with(error, options["log_format"]) from error


def _run(settings: Settings) -> None:
    """Run a worker, and let its supervisor know how it is, if it has one."""
    mouth = own_mouth()
    worker = Worker(settings if mouth is None else mouth.telling_start(settings))
    if mouth is not None:
        mouth.tell_life(worker)
    worker.run()


def _supervise(context: click.Context, settings: str, options: Mapping[str, Any]) -> int:
    """Run worker processes; they are told all options that were told here, but for the number of them."""
    words = ["worker", settings, *_given_words(context)]
    ports = _port_words(options["metrics_port"], options["workers"] or 1)
    changes = changes_in(options["watch"]) if options["watch"] else None
    commands = [[*words, *port] for port in ports]
    return asyncio.run(Supervisor(commands, changes=changes, silence=options["frozen_after"]).run())


def _port_words(first: int | None, workers: int) -> list[list[str]]:
    """Return what each process is told of its metrics port: none, any free one, or one after the other."""
    if first is None:
        return [[]] * workers
    return [["--metrics-port", str(first and first + at)] for at in range(workers)]


def _given_words(context: click.Context) -> list[str]:
    """Return the options of the command line as it gave them; those of the environment are inherited."""
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
