"""The options of all commands, each defined once; `commands/` puts them together."""

from jobgate.cli.options.command import Command, Group
from jobgate.cli.options.environment import check_environment
from jobgate.cli.options.http import (
    ALLOWED_HOSTS,
    DRAIN,
    HOST,
    INSECURE,
    KEYS,
    KEYS_TO_WRITE,
    MAX_HEADER,
    MAX_UNSENT,
    MAX_WAIT,
    METRICS_HOST,
    METRICS_PORT,
    PORT,
    SCOPES,
    WORKER_METRICS_HOST,
    WORKER_METRICS_PORT,
)
from jobgate.cli.options.logs import ACCESS_LOG, LOG_ARGUMENTS, VERBOSE, fail, log_options, set_up_log
from jobgate.cli.options.queues import DEFAULT_QUEUE, REQUEST_QUEUES, WORKER_QUEUES
from jobgate.cli.options.storage import DATA, NAMESPACE, REDIS, SERIALIZER
from jobgate.cli.options.workers import BURST, CHECK, FROZEN_AFTER, LOOP, SETTINGS, WATCH, WORKERS

__all__ = [
    # Redis
    "DATA",
    "NAMESPACE",
    "REDIS",
    "SERIALIZER",
    # Queues
    "BURST",
    "DEFAULT_QUEUE",
    "REQUEST_QUEUES",
    "WORKER_QUEUES",
    # HTTP
    "ALLOWED_HOSTS",
    "DRAIN",
    "HOST",
    "INSECURE",
    "KEYS",
    "KEYS_TO_WRITE",
    "MAX_HEADER",
    "MAX_UNSENT",
    "MAX_WAIT",
    "METRICS_HOST",
    "METRICS_PORT",
    "PORT",
    "SCOPES",
    "WORKER_METRICS_HOST",
    "WORKER_METRICS_PORT",
    # Worker processes
    "CHECK",
    "FROZEN_AFTER",
    "LOOP",
    "SETTINGS",
    "WATCH",
    "WORKERS",
    # Logging
    "ACCESS_LOG",
    "LOG_ARGUMENTS",
    "VERBOSE",
    "fail",
    "log_options",
    "set_up_log",
    # Commands and their environment
    "Command",
    "Group",
    "check_environment",
]
