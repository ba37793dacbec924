"""Slows down clients that send wrong keys, by their address.

A valid key passes whatever others at its address send: many callers may share the address of a proxy or of a
NAT. Keys are too long to be guessed anyway; this keeps clients with a wrong key from filling the log.
"""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from jobgate.gateway.http import Problem

#: Most addresses that are remembered; of more, those whose last wrong key is oldest are forgotten.
_MOST_ADDRESSES: Final = 10_000
#: A customer of a provider has at least this network of IPv6.
_IPV6_NETWORK: Final = 64
#: What a wrong key takes, less the errors of sums of thirds.
_ONE: Final = 1 - 1e-9


class BadKeys:
    """The wrong keys of the last minute, counted for each address, or network of IPv6.

    Args:
        a_minute: How many wrong keys an address may send in a minute, also at once; more are refused.
        clock: Seconds of a clock that never goes back.
    """

    def __init__(self, a_minute: int = 20, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = float(a_minute)
        self._a_second = a_minute / 60
        self._clock = clock
        #: Address -> how many more wrong keys it may send, and when that was so.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def count(self, address: str) -> None:
        """Count a wrong key of an address; raises `Problem` 429 if there were too many."""
        network, now = _network_of(address), self._clock()
        left, then = self._left.pop(network, (self._most, now))
        left = min(self._most, left + (now - then) * self._a_second)
        self._left[network] = (left - 1 if left >= _ONE else left, now)
        if len(self._left) > _MOST_ADDRESSES:
            self._left.popitem(last=False)
        if left < _ONE:
            raise Problem(
                "too-many-bad-keys",
                "Correct the key, and try again later.",
                headers={"Retry-After": str(math.ceil((_ONE - left) / self._a_second))},
            )


def _network_of(address: str) -> str:
    """Return the address, of IPv6 its network; a text that is not an address is returned as it is."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network((address, _IPV6_NETWORK), strict=False))
    except ValueError:
        return address
