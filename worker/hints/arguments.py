"""The arguments of a job as they are passed to its function, or why they cannot be."""

from collections.abc import Mapping, Sequence
from typing import Any

#: Positional and keyword arguments, without `ctx`.
Arguments = tuple[Sequence[Any], Mapping[str, Any]]


class ArgumentsRefused(Exception):
    """The arguments of a job do not fit its function. Its text says why, without their values."""

    def __init__(self, text: str, *, by_hints: bool = False) -> None:
        super().__init__(text)
        #: Whether they could be passed, but are not of the types that the hints say.
        self.by_hints = by_hints
