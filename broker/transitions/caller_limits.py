"""The limits of a key, as limits.lua takes and answers them."""

from collections.abc import Sequence
from typing import Final

from jobgate.broker.errors import LimitReached
from jobgate.broker.records import Allowance, CallerLimits

_TOO_FAST, _TOO_MANY = 6, 7
#: Seconds after which a caller with too many pending jobs may try again.
_PENDING_PAUSE: Final = 1.0


def allowance_of(limits: CallerLimits | None, code: int, rate: Sequence[int]) -> Allowance | None:
    """Return what is left of a caller's rate; None if it has none, or if that was not looked at.

    Args:
        limits: The limits.
        code: Code of the script's answer.
        rate: The rest of the answer: ms to wait, jobs that are left, ms until the whole burst is free.

    Raises:
        LimitReached: The code says so.
    """
    allowance = None
    if limits is not None and rate:
        allowance = Allowance(limit=limits.most_at_once, remaining=rate[1], reset=rate[2] / 1000)
    if code == _TOO_FAST:
        raise LimitReached("rate", rate[0] / 1000, allowance)
    if code == _TOO_MANY:
        raise LimitReached("pending", _PENDING_PAUSE, allowance)
    return allowance
