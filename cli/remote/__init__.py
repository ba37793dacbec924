"""The way from a command to the gateway or Redis: where it is, how it ends, and with which exit code."""

from jobgate.cli.remote.connection import Connection
from jobgate.cli.remote.options import connection_options
from jobgate.cli.remote.session import run

__all__ = ["connection_options", "Connection", "run"]
