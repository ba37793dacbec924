"""The way from a command to the gateway or Redis: where it is, how it ends, and with which exit code."""

from jobgate.cli.remote.command import RemoteCommand
from jobgate.cli.remote.connection import DEFAULT_URL, Connection, is_redis
from jobgate.cli.remote.errors import RefusedError
from jobgate.cli.remote.exit_codes import ExitCode, exit_code_of
from jobgate.cli.remote.messages import message_of
from jobgate.cli.remote.options import connection_of, connection_options, connection_to
from jobgate.cli.remote.session import for_each, run

__all__ = [
    "DEFAULT_URL", "Connection", "ExitCode", "RefusedError", "RemoteCommand", "connection_of",
    "connection_options", "connection_to", "exit_code_of", "for_each", "is_redis", "message_of", "run",
]  # fmt: skip
