"""Objects that a function finds in its `ctx`: its deadline, and the way to report progress."""

import math
import time
from collections.abc import Callable, Generator

#: Characters of a progress message.
_MESSAGE_LIMIT = 200


class Deadline:
    """`ctx["deadline"]`: when the worker will stop this try. Works in every thread and process.

    ```
    if ctx["deadline"].remaining() < 30:
        raise Retry  # better now than in the middle of the next step
    ```

    Args:
        at: Instant by the monotonic clock; `math.inf` = no timeout.
    """

    __slots__ = ("_at",)

    def __init__(self, at: float) -> None:
        self._at = at

    def __repr__(self) -> str:
        return f"<Deadline in {self.remaining():.1f} s>"

    def __reduce__(self) -> tuple[Callable[[float], "Deadline"], tuple[float]]:
        # Monotonic clocks of two processes need not agree, and starting a process takes time.
        return _at_wall_clock, (time.time() + self.remaining(),)

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """Return the deadline that is `seconds` away."""
        return cls(time.monotonic() + seconds)

    def remaining(self) -> float:
        """Return the seconds that are left: 0 when it has passed, `math.inf` where there is no timeout."""
        return math.inf if self._at == math.inf else max(self._at - time.monotonic(), 0.0)


def _at_wall_clock(unix_seconds: float) -> Deadline:
    return Deadline.after(unix_seconds - time.time())


class Noted:
    """What a progress report returns: coroutines may await it, and it never waits."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, None]:
        yield from ()


_NOTED = Noted()


class ProgressReporter:
    """`ctx["progress"]`: reports how far a job is, for `job.progress()` and the job's JSON.

    Call `await ctx["progress"](0.4, "page 4 of 10")` in a coroutine, and the same without `await` in a plain
    function. It never waits for Redis and does not fail when Redis is unavailable.

    Args:
        send: Takes fraction and message.
    """

    __slots__ = ("_send",)

    def __init__(self, send: Callable[[float, str | None], None]) -> None:
        self._send = send

    def __call__(self, fraction: float, message: str | None = None) -> Noted:
        """Report progress.

        Args:
            fraction: 0 to 1; other numbers are clamped.
            message: What the job is doing, in a few words; cut to 200 characters.

        Raises:
            ValueError: The fraction is not a number.
        """
        number = float(fraction)
        if math.isnan(number):
            raise ValueError("the fraction of progress must be a number from 0 to 1, not NaN")
        self._send(min(max(number, 0.0), 1.0), None if message is None else _storable(str(message)))
        return _NOTED


def _storable(message: str) -> str:
    """Return a message cut to its limit, without the lone surrogates that JSON cannot hold."""
    return message[:_MESSAGE_LIMIT].encode(errors="replace").decode()
