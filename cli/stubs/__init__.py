"""Typed declarations of a gateway's functions, for the programs that call them."""

from jobgate.cli.stubs.changes import changes
from jobgate.cli.stubs.errors import StubsError
from jobgate.cli.stubs.functions import read_functions
from jobgate.cli.stubs.gateway import ask, base_url
from jobgate.cli.stubs.module import write_module

__all__ = ["StubsError", "ask", "base_url", "changes", "read_functions", "write_module"]
