"""The deadline of a try, for the function that runs under it."""

import math
import time
from collections.abc import Callable


class Deadline:
    """`ctx["deadline"]`: when the worker will stop this try. Works in every thread and process.

    ```
    if ctx["deadline"].remaining() < 30:
        raise Retry  # better now than in the middle of the next step
    ```

    Args:
        at: the instant by the monotonic clock; `math.inf` = none.
    """

    __slots__ = ("_at",)

    def __init__(self, at: float) -> None:
        self._at = at

    def __repr__(self) -> str:
        return f"<Deadline in {self.remaining():.1f} s>"

    def __reduce__(self) -> tuple[Callable[[float], "Deadline"], tuple[float]]:
        # Monotonic clocks of two processes need not agree, and the way to a new process takes its time.
        return _at_wall_clock, (time.time() + self.remaining(),)

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """Return the deadline that is so many seconds away."""
        return cls(time.monotonic() + seconds)

    def remaining(self) -> float:
        """Return the seconds that are left, 0 when it has passed, `math.inf` where there is no timeout."""
        return math.inf if self._at == math.inf else max(self._at - time.monotonic(), 0.0)


def _at_wall_clock(unix_seconds: float) -> Deadline:
    return Deadline.after(unix_seconds - time.time())
