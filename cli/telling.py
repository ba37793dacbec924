"""What supervisor and worker tell each other: a number; that a worker has started, how it means to end."""

import contextlib
import os
from typing import Any, Final

from jobgate.worker import Settings
from jobgate.worker.hooks import await_if_needed

#: Names the pipe to the supervisor.
VARIABLE: Final = "JOBGATE_SUPERVISOR_FD"
#: Says which of several worker processes one is, from 1.
NUMBER: Final = "JOBGATE_SUPERVISOR_NUMBER"
#: What a worker says when it has started: it ends when its work is done, or when it is told to.
BURST: Final = b"b"
SERVING: Final = b"s"


class Ear:
    """The supervisor's end of the pipe, for one worker process."""

    def __init__(self) -> None:
        self._ours, self.theirs = os.pipe()
        os.set_blocking(self._ours, False)

    def close_theirs(self) -> None:
        """Leave the other end to the process that has inherited it."""
        os.close(self.theirs)

    def heard(self) -> bytes:
        """Return what the process, which has ended, said: nothing when it did not start. Call it once."""
        try:
            with contextlib.suppress(BlockingIOError):  # a process that it left behind may hold its end
                return os.read(self._ours, 1)
            return b""
        finally:
            os.close(self._ours)


def own_number() -> str:
    """Return the number of this worker process; empty where it is the only one."""
    return os.environ.pop(NUMBER, "")


def telling_start(settings: Settings) -> Settings:
    """Return settings with which a worker tells its supervisor, if it has one, that it has started."""
    number = os.environ.pop(VARIABLE, None)
    if number is None:
        return settings
    mouth = int(number)
    os.set_inheritable(mouth, False)

    async def on_startup(ctx: dict[str, Any]) -> None:
        if settings.on_startup is not None:
            await await_if_needed(settings.on_startup(ctx))
        with contextlib.suppress(BrokenPipeError):  # the supervisor has just died
            os.write(mouth, BURST if settings.burst else SERVING)

    return settings.changed(on_startup=on_startup)
