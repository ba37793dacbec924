"""The options of all commands, each defined once; `commands/` puts them together."""

from jobgate.cli.options import environment, http, keys, logs, queues, storage, workers
from jobgate.cli.options.command import Command, Group

__all__ = ["Command", "Group", "environment", "http", "keys", "logs", "queues", "storage", "workers"]
