"""Tokens of claims: `<worker id>:<n>@<unix ms>`, a new one for each claim.

The time is that of the claim, by the Redis clock as the worker knows it: it tells since when a job runs,
without a further write. Tokens of stock arq (`1`) tell nothing, and those of other makers may lack the time.
"""

#: Digits that no time of this age has.
_TOO_LONG = 16


def claim_token(worker_id: str, number: int, now_ms: int) -> str:
    """Return the token of a worker's claim."""
    return f"{worker_id}:{number}@{now_ms}"


def worker_of(token: str | None) -> str | None:
    """Return the id of the worker that holds a lease; None where its token does not tell."""
    return token.rpartition(":")[0] if token and ":" in token else None


def claimed_ms(token: str | None) -> int | None:
    """Return when a lease was claimed, in unix ms; None where its token does not tell."""
    number, _, ms = (token or "").rpartition("@")
    return int(ms) if ":" in number and ms.isascii() and ms.isdigit() and len(ms) < _TOO_LONG else None
