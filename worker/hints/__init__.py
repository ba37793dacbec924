"""Type hints: their JSON Schemas, and the conversion of arguments and results, by pydantic.

`conversion` and `hint_adapters` import pydantic, which takes a while. They are imported by their own
names, in workers whose functions have hints.
"""

from jobgate.worker.hints.adapter_cache import AdapterCache, UnusableHint
from jobgate.worker.hints.arguments import Arguments, ArgumentsRefused
from jobgate.worker.hints.definitions import merged
from jobgate.worker.hints.hints import RETURN, Hints, is_unpacked, members_of, read_hints

__all__ = [
    # The hints of a function
    "RETURN", "Hints", "is_unpacked", "members_of", "read_hints",
    # Their schemas
    "AdapterCache", "UnusableHint", "merged",
    # Converted arguments
    "Arguments", "ArgumentsRefused",
]  # fmt: skip
