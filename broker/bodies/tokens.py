"""Tokens of claims: `<worker id>:<n>@<unix ms>`, a new one for each claim.

The time is that of the claim, by the worker's copy of the Redis clock. So a token shows since when a job has
been running, without another write. Tokens of stock arq (`1`) show nothing; others may lack the time.
"""

from functools import lru_cache

#: Longest time between sending a claim and its execution.
_ON_ITS_WAY_MS = 1_000
#: More digits than a time of this era has.
_TOO_LONG = 16


def claim_token(worker_id: str, number: int, now_ms: int) -> str:
    """Return the token of a worker's claim."""
    return f"{worker_id}:{number}@{now_ms}"


def worker_of(token: str | None) -> str | None:
    """Return the id of the worker that holds a lease; None if its token does not show it."""
    return token.rpartition(":")[0] if token and ":" in token else None


@lru_cache(maxsize=64)  # all jobs of a claim have one token
def claimed_ms(token: str | None) -> int | None:
    """Return when a lease was claimed, in unix ms; None if its token does not show it."""
    number, _, ms = (token or "").rpartition("@")
    return int(ms) if ":" in number and ms.isascii() and ms.isdigit() and len(ms) < _TOO_LONG else None


def begun_ms(sent_ms: int, *not_before_ms: int) -> int:
    """Return when a claimed job began, in unix ms.

    Args:
        sent_ms: When its claim was sent, from the token.
        not_before_ms: When it was enqueued and became due. This may have happened while the claim was on its
            way. Other clocks may have set these times, so a later one counts for at most a second.
    """
    return max(sent_ms, min(max(not_before_ms), sent_ms + _ON_ITS_WAY_MS))
