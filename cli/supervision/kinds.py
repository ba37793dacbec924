"""What a supervisor must know of its processes, which differs between workers and gateways."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass


def _nothing(number: int) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """The kind of the processes that a supervisor runs."""

    #: Its name in log lines.
    name: str
    #: What is lost when a frozen process is killed.
    loss: str
    #: Whether they read files again at SIGHUP, which ends other processes.
    takes_hangups: bool = False
    #: The exit code that means that the event loop was blocked; None = there is none.
    exit_wedged: int | None = None
    #: Variables of the environment for the process with this number.
    variables: Callable[[int], Mapping[str, str]] = _nothing
    #: File descriptors that each process inherits.
    descriptors: tuple[int, ...] = ()
    #: Called once, when all processes have started.
    on_all_started: Callable[[], None] = lambda: None
    #: Called with the number of a process that has ended.
    on_ended: Callable[[int], None] = lambda number: None
