"""Which functions live workers offer on which queue, so that a misspelt name is refused at once."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from time import monotonic

from jobgate.broker.bodies import WorkerRecord
from jobgate.broker.errors import BrokerError, BrokerUnavailable
from jobgate.broker.near_names import learn
from jobgate.broker.views.shared_reads import SharedReads

logger = logging.getLogger("jobgate.broker")

#: How many queues are remembered; others are read each time they are asked about.
MOST_QUEUES = 64


class Availability(Enum):
    """What is known about a function on a queue."""

    #: A live worker offers it.
    OFFERED = auto()
    #: Live workers publish their functions, and none offers this one.
    UNKNOWN = auto()
    #: Workers published their functions here before, and none is live now.
    NO_WORKERS = auto()
    #: No worker has published its functions here; stock arq workers never do.
    UNPUBLISHED = auto()


@dataclass(slots=True)
class _Queue:
    """What was last read about one queue."""

    functions: frozenset[str] = frozenset()
    #: Live workers that publish their functions.
    workers: int = 0
    #: Whether any such worker was ever seen by this process.
    seen: bool = False
    #: When it was read, by the monotonic clock; None = it has not been read.
    read_at: float | None = None

    def availability(self, function: str) -> Availability:
        if function in self.functions:
            return Availability.OFFERED
        if self.workers:
            return Availability.UNKNOWN
        return Availability.NO_WORKERS if self.seen else Availability.UNPUBLISHED


class LiveFunctions:
    """Remembers the functions of live workers by queue.

    A program that has many requests reads them in the background (`watch`) and looks at what is `remembered`.
    Others `find` a function, and accept an answer of a certain age.

    Args:
        read: Returns the live workers of a queue.
    """

    def __init__(self, read: Callable[[str], Awaitable[Sequence[WorkerRecord]]]) -> None:
        self._read_workers = read
        self._queues: dict[str, _Queue] = {}
        self._reads: SharedReads[str, _Queue] = SharedReads()
        self._watched: frozenset[str] = frozenset()
        #: Whether any worker of any queue was seen to publish its functions.
        self.any_published = False
        #: All functions that live workers offer, on any queue.
        self.names: frozenset[str] = frozenset()

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues that are watched or have had workers which publish their functions."""
        return tuple(name for name, queue in self._queues.items() if queue.seen or name in self._watched)

    def begin_to_watch(self, queues: Sequence[str]) -> None:
        """Name the queues that `watch` reads from the start; others join once they have had workers."""
        self._watched = frozenset(queues)
        self._queues |= {name: _Queue() for name in queues}

    async def watch(self, every: float = 1.0) -> None:
        """Read all `queues` periodically, until cancelled.

        Args:
            every: Seconds between two reads.
        """
        while True:
            with suppress(BrokerUnavailable):
                for name in self.queues:
                    await self._fresh(name)
            await asyncio.sleep(every)

    def remembered(self, function: str, queue: str) -> Availability | None:
        """Return what `watch` last found, without asking Redis; None = this queue is not watched."""
        known = self._queues.get(queue)
        if known is None or known.read_at is None or not (known.seen or queue in self._watched):
            return None
        return known.availability(function)

    async def find(self, function: str, queue: str, *, max_age: float = 0.0) -> Availability:
        """Return whether live workers of a queue offer a function.

        Args:
            function: Its name.
            queue: Name of the queue.
            max_age: How old the answer may be, in seconds; 0 = no older than this call.

        Raises:
            BrokerUnavailable: Redis has to be asked and does not answer.
        """
        known = self._queues.get(queue)
        if known is None or known.read_at is None or monotonic() - known.read_at >= max_age:
            known = await self._fresh(queue)
        return known.availability(function)

    def settle_for_known(self, function: str, queue: str) -> Availability:
        """Return what `find` last found, as a new answer: for use when Redis does not answer."""
        known = self._queues.get(queue) or _Queue()
        known.read_at = monotonic()
        self._remember(queue, known)
        return known.availability(function)

    def names_on(self, queue: str) -> frozenset[str]:
        """Return the functions that live workers of a queue were last seen to offer."""
        known = self._queues.get(queue)
        return known.functions if known else frozenset()

    def _fresh(self, name: str) -> Awaitable[_Queue]:
        return self._reads.read(name, partial(self._read, name))

    async def _read(self, name: str) -> _Queue:
        queue = self._queues.get(name) or _Queue()
        try:
            self._note(queue, [record for record in await self._read_workers(name) if record.functions])
        except BrokerUnavailable:
            raise
        except BrokerError as error:
            # The ACL forbids it, or it is not a queue: what was known stays.
            logger.debug("could not read the workers of a queue: %s", error)
        queue.read_at = monotonic()
        self._remember(name, queue)
        return queue

    def _note(self, queue: _Queue, workers: Sequence[WorkerRecord]) -> None:
        functions = frozenset(function for record in workers for function in record.functions)
        queue.functions, has_changed = functions, functions != queue.functions
        queue.workers = len(workers)
        queue.seen = queue.seen or bool(workers)
        self.any_published = self.any_published or queue.seen
        if has_changed:
            self.names = functions.union(*(each.functions for each in self._queues.values()))
            learn(self.names)

    def _remember(self, name: str, queue: _Queue) -> None:
        if name not in self._queues and len(self._queues) >= MOST_QUEUES:
            # Callers may make up names of queues: those make room for others.
            unused = self._queues.keys() - set(self.queues)
            if not unused:
                return
            del self._queues[unused.pop()]
        self._queues[name] = queue
