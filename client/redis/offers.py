"""What live workers offer, for transports that have no gateway to ask."""

import difflib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from jobgate.client.errors import UnknownFunction
from jobgate.client.requests import JobRequest

#: Seconds for which an answer about the workers is good.
FRESH = 1.0
#: Queues that are remembered; a program that uses more asks again for each.
QUEUES = 64
#: Names that are shown when a function is unknown.
NEAR_NAMES = 3

ReadFunctions = Callable[[str | None], Awaitable[Sequence[frozenset[str]] | None]]


@dataclass(slots=True)
class _Known:
    """What was read last about one queue."""

    until: float = 0.0
    #: What each live worker offers.
    workers: Sequence[frozenset[str]] = ()
    #: Workers have published themselves here before; stock arq workers never do.
    seen: bool = False


class Offers:
    """Remembers for a second which functions live workers offer on each queue.

    Args:
        read: Return what each live worker of a queue offers; None when that cannot be told now.
    """

    def __init__(self, read: ReadFunctions) -> None:
        self._read = read
        self._queues: dict[str | None, _Known] = {}

    async def check(self, request: JobRequest) -> bool:
        """Answer False when all workers that were seen before are gone.

        Raises:
            UnknownFunction: Workers say what they offer, and none offers this function.
        """
        known = await self._known(request.options.queue)
        if any(request.function in functions for functions in known.workers):
            return True
        if not known.workers:
            return not known.seen
        names = sorted(frozenset().union(*known.workers))
        near = difflib.get_close_matches(request.function, names, NEAR_NAMES)
        raise UnknownFunction.named(request.function, near)

    async def _known(self, queue: str | None) -> _Known:
        known = self._queues.get(queue) or _Known()
        if monotonic() >= known.until:
            workers = await self._read(queue)
            if workers is not None:
                # Without names it does not say what it offers, as stock arq workers do not.
                known.workers = [functions for functions in workers if functions]
            known.seen = known.seen or bool(known.workers)
            known.until = monotonic() + FRESH
            if len(self._queues) < QUEUES:
                self._queues[queue] = known
        return known
