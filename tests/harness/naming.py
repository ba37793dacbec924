"""Names of test cases."""

import re


def stable_repr(value: object) -> str:
    """Return `repr(value)` without memory addresses: parallel workers must agree on the names of tests."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
