"""Names that were probably meant: the "did you mean" of every message."""

import difflib
from collections.abc import Iterable

#: How alike two names must be, from 0 to 1: `timout` and `timeout` are, `timeout` and `conn_timeout` are not.
_ALIKE = 0.75


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `, did you mean 'timeout'?` where `name` is close to a known name, else nothing.

    Args:
        name: what was written.
        known: the names that would have been right; few, since each is compared.
    """
    near = difflib.get_close_matches(name[:100], list(known), n=1, cutoff=_ALIKE)
    return f", did you mean {near[0]!r}?" if near else ""
