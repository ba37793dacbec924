"""The arguments of a request, checked against what its function takes: a 422 lists all errors at once."""

from jobgate.gateway.arguments.argument_check import ArgumentCheck
from jobgate.gateway.arguments.argument_validator import ArgumentValidator
from jobgate.gateway.arguments.checkable_schema import LISTED, NAMED, ONE, PLAIN
from jobgate.gateway.arguments.pointers import json_pointer

__all__ = [
    # The check
    "ArgumentCheck", "ArgumentValidator",
    # The keywords of schemas that it knows, by what they hold
    "LISTED", "NAMED", "ONE", "PLAIN",
    # Where the caller wrote a value
    "json_pointer",
]  # fmt: skip
