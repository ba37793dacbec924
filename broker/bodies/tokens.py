"""Tokens of claims: `<worker id>:<n>@<unix ms>`, a new one for each claim.

The time is that of the claim, by the Redis clock as the worker knows it: it tells since when a job runs,
without a further write. Tokens of stock arq (`1`) tell nothing, and those of other makers may lack the time.
"""

from functools import lru_cache

#: How long a claim may be on its way.
_ON_ITS_WAY_MS = 1_000
#: Digits that no time of this age has.
_TOO_LONG = 16


def claim_token(worker_id: str, number: int, now_ms: int) -> str:
    """Return the token of a worker's claim."""
    return f"{worker_id}:{number}@{now_ms}"


def worker_of(token: str | None) -> str | None:
    """Return the id of the worker that holds a lease; None where its token does not tell."""
    return token.rpartition(":")[0] if token and ":" in token else None


@lru_cache(maxsize=64)  # all jobs of a claim have one token
def claimed_ms(token: str | None) -> int | None:
    """Return when a lease was claimed, in unix ms; None where its token does not tell."""
    number, _, ms = (token or "").rpartition("@")
    return int(ms) if ":" in number and ms.isascii() and ms.isdigit() and len(ms) < _TOO_LONG else None


def begun_ms(sent_ms: int, *not_before_ms: int) -> int:
    """Return when a claimed job began: the token's time is that at which its claim was sent.

    A job that was enqueued, or became due, while the claim was on its way began no earlier than that. Other
    clocks may have told those times, so that they count only for as long as a claim may take.
    """
    return max(sent_ms, min(max(not_before_ms), sent_ms + _ON_ITS_WAY_MS))
