"""One gateway process of several: what it shares with the others, and how its supervisor says so."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol, Self

from jobgate.gateway.listening import OpenSockets, Place, TcpPort

_VARIABLE: Final = "JOBGATE_SUPERVISOR_GATEWAY"


class Reports(Protocol):
    """What a supervisor learns of a process."""

    def started(self) -> None:
        """Report that it serves requests."""

    def alive(self) -> bool:
        """Report that its event loop runs; return False if the supervisor is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One of several gateway processes."""

    #: Its number, from 1.
    number: int
    #: How many there are.
    processes: int
    #: Descriptor of the file in which they count.
    counts: int
    #: Where all of them listen.
    place: Place
    #: Where all of them serve metrics; None = only there.
    metrics_place: Place | None

    def variables(self) -> Mapping[str, str]:
        """Return the variables by which a process learns this."""
        return {_VARIABLE: json.dumps(asdict(self))}

    @classmethod
    def of_environment(cls) -> Self | None:
        """Return what the variables of this process say, and remove them; None = it is no such process."""
        text = os.environ.pop(_VARIABLE, None)
        if text is None:
            return None
        found = json.loads(text)
        metrics = found.pop("metrics_place")
        return cls(
            **found | {"place": _place(found["place"])},
            metrics_place=None if metrics is None else _place(metrics),
        )


def _place(members: Mapping[str, Any]) -> Place:
    if "descriptors" in members:
        return OpenSockets(tuple(members["descriptors"]))
    return TcpPort(**members)
