"""Typed declarations of a gateway's functions, for the programs that call them."""

from jobgate.cli.stubs.changes import changes
from jobgate.cli.stubs.functions import StubsError, functions_of
from jobgate.cli.stubs.module import write_module
from jobgate.cli.stubs.overview import default_of, signature_of, type_of

__all__ = [
    "StubsError", "changes", "default_of", "functions_of", "signature_of", "type_of", "write_module",
]  # fmt: skip
