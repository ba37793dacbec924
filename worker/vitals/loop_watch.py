"""Names the function that blocks the event loop.

A blocked loop cannot say what blocks it. The renewal thread can: it sees that the heartbeat of the loop has
stopped, and inspects the stack of the loop's thread. One line is logged when the loop runs again.
"""

import asyncio
import sys
import sysconfig
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from jobgate.broker import printable
from jobgate.worker.invocation import RUNNING_JOB
from jobgate.worker.jobs import RunningJob, RunningJobs
from jobgate.worker.log import logger
from jobgate.worker.roles import Role
from jobgate.worker.vitals.liveness import Pulse, warn_of_block

#: Lag in seconds from which the loop's thread is inspected; it is logged from `liveness.WORTH_WARNING` on.
WORTH_LOOKING = 0.5
#: Seconds after which a block is logged while it lasts.
LONG = 10.0
#: Seconds in which the same function at the same line is logged at most once.
QUIET = 60.0

_STDLIB = sysconfig.get_path("stdlib")
_INSTALLED = ("site-packages", "dist-packages")


@dataclass(frozen=True, slots=True)
class Culprit:
    """What the loop's thread was doing."""

    #: The last beat of the loop before that.
    beat: int
    #: The job, as in other log lines; the coroutine where it belongs to no job.
    who: str
    #: `file:line`.
    place: str

    def __str__(self) -> str:
        return f" by {self.who} at {self.place}"


class LoopWatch(Role):
    """Runs the heartbeat of one worker's event loop, and watches it from another thread.

    Args:
        pulse: The heartbeat of the loop.
        jobs: The jobs among which the culprit is found.
    """

    def __init__(self, pulse: Pulse, jobs: RunningJobs) -> None:
        self._pulse = pulse
        self._jobs = jobs
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._seen: Culprit | None = None
        self._logged_long = -1
        self._logged_at: dict[str, float] = {}

    async def start(self) -> None:
        """Watch the running loop, and start its heartbeat."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._pulse.on_late = self._warn
        self._pulse.start()

    async def stop(self) -> None:
        """End the heartbeat."""
        self._pulse.stop()

    def look(self) -> None:
        """In another thread: inspect what the loop is doing when its beat is late."""
        lag, beat = self._pulse.lag(), self._pulse.beats
        if lag < WORTH_LOOKING or self._loop is None or self._loop.is_closed():
            return
        seen = self._culprit(beat)
        if seen is not None:
            self._seen = seen
        if lag > LONG and self._logged_long != beat:
            self._logged_long = beat
            logger.warning("the event loop has been blocked for %.0f s%s", lag, seen or "")

    def job(self) -> RunningJob | None:
        """In another thread: return the job that occupies the loop now; None if that is unknown."""
        if self._loop is None or self._loop.is_closed():
            return None
        task = asyncio.current_task(self._loop)
        return None if task is None else self._job_of(task)

    def _warn(self, lag: float) -> None:
        """In the loop: log a block that is over."""
        seen = self._seen if self._seen is not None and self._seen.beat == self._pulse.beats else None
        if self._is_news(seen.place if seen else ""):
            warn_of_block(lag, seen or "")

    def _is_news(self, what: str) -> bool:
        now = time.monotonic()
        self._logged_at = {one: at for one, at in self._logged_at.items() if now - at < QUIET}
        if what in self._logged_at:
            return False
        self._logged_at[what] = now
        return True

    def _culprit(self, beat: int) -> Culprit | None:
        """Return what occupies the loop; None if no task does, as in a process that was frozen as a whole."""
        task = asyncio.current_task(self._loop)
        frame = sys._current_frames().get(self._thread)
        if task is None or frame is None:
            return None
        return Culprit(beat, self._name(task), _place(frame))

    def _job_of(self, task: "asyncio.Task[Any]") -> RunningJob | None:
        for job in self._jobs.snapshot():
            if job.task is task:
                return job
        # A task that a job has made. Before Python 3.12 a task does not show its context.
        context: Mapping[Any, Any] = getattr(task, "get_context", dict)()
        found = context.get(RUNNING_JOB)
        return found if isinstance(found, RunningJob) else None

    def _name(self, task: "asyncio.Task[Any]") -> str:
        for job in self._jobs.snapshot():
            if job.task is task:
                return f"job {job.reference}"
        coroutine = task.get_coro()
        return printable(getattr(coroutine, "__qualname__", repr(coroutine)))


def _place(innermost: FrameType) -> str:
    """Return file and line of the innermost frame outside of the standard library."""
    frame: FrameType | None = innermost
    while frame is not None and _is_standard(frame.f_code.co_filename):
        frame = frame.f_back
    shown = frame or innermost
    return f"{shown.f_code.co_filename}:{shown.f_lineno}"


def _is_standard(file: str) -> bool:
    if file.startswith("<"):  # frozen modules of the interpreter
        return True
    path = Path(file)
    return path.is_relative_to(_STDLIB) and not any(part in _INSTALLED for part in path.parts)
