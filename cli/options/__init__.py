"""The options of all commands, each defined once; `commands/` puts them together."""

from jobgate.cli.options import environment, http, keys, logs, queues, storage, workers
from jobgate.cli.options.command import Command, Group, given_words

__all__ = [
    "Command",
    "Group",
    "environment",
    "given_words",
    "http",
    "keys",
    "logs",
    "queues",
    "storage",
    "workers",
]
