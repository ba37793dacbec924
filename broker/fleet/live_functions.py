"""Which functions live workers offer on which queue, and what they publish of them."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from hashlib import sha256
from time import monotonic

from jobgate.broker.bodies import WorkerRecord
from jobgate.broker.catalogue import Catalogue, FunctionDocument
from jobgate.broker.errors import BrokerError, BrokerUnavailable
from jobgate.broker.fleet.catalogues import RememberedCatalogues
from jobgate.broker.fleet.live_schedules import LiveSchedule, live_schedules
from jobgate.broker.fleet.offers import LiveFunction, Offers, together
from jobgate.broker.fleet.shared_reads import SharedReads

logger = logging.getLogger("jobgate.broker")

#: Returns queues that have live workers, besides those that are given.
_FindServed = Callable[[Sequence[str]], Awaitable[Sequence[str]]]

#: How many queues are remembered; others are read each time they are asked about.
MOST_QUEUES = 64
#: Seconds between two reads of the queues that requests name.
_READ_EVERY = 0.9
#: Seconds between two looks at all others, so that an idle gateway costs Redis little. Answers that depend on
#: them have a look of their own, for which they wait at most so long if something is known.
_LOOK_EVERY, _LONGEST_LOOK = 6.0, 1.0
#: Seconds after which a read of a queue asks for no further catalogues; the next read continues.
_READING = 2.0


class Availability(Enum):
    """What is known about a function on a queue."""

    #: A live worker offers it.
    OFFERED = auto()
    #: Live workers publish their functions, and none offers this one.
    UNKNOWN = auto()
    #: None is known to offer it, but what one of the live workers offers is not known.
    POSSIBLE = auto()
    #: Workers published their functions here before, and none is live now.
    NO_WORKERS = auto()
    #: No worker has published its functions here; stock arq workers never do.
    UNPUBLISHED = auto()


@dataclass(slots=True)
class _Queue:
    """What was last read about one queue."""

    offers: Offers = Offers()  # noqa: RUF009 - it is immutable
    #: Whether any worker that publishes its functions was ever seen by this process.
    seen: bool = False
    #: Whether `find` was asked about it.
    is_asked: bool = False
    #: When it was read, by the monotonic clock; None = it has not been read.
    read_at: float | None = None

    def availability(self, function: str) -> Availability:
        if function in self.offers.functions:
            return Availability.OFFERED
        if self.offers.may_have_more:
            return Availability.POSSIBLE
        if self.offers.functions:
            return Availability.UNKNOWN
        return Availability.NO_WORKERS if self.seen else Availability.UNPUBLISHED


class LiveFunctions:
    """Remembers the functions of live workers by queue.

    A program that has many requests reads them in the background (`watch`) and looks at what is `remembered`.
    Others `find` a function, and accept an answer of a certain age.

    Args:
        read: Returns the live workers of a queue.
        read_catalogue: Returns the catalogue that has a digest; None = it is not there.
    """

    def __init__(
        self,
        read: Callable[[str], Awaitable[Sequence[WorkerRecord]]],
        read_catalogue: Callable[[str], Awaitable[Catalogue | None]],
    ) -> None:
        self._read_workers = read
        self._catalogues = RememberedCatalogues(read_catalogue)
        self._queues: dict[str, _Queue] = {}
        self._reads: SharedReads[str, _Queue] = SharedReads()
        self._watched: frozenset[str] = frozenset()
        self._find_served: _FindServed | None = None
        self._looks: SharedReads[None, None] = SharedReads()
        self._has_found = False
        #: When the last look for queues began, by the monotonic clock.
        self._looked_at = -math.inf
        #: Whether any worker of any queue was seen to publish its functions.
        self.any_published = False
        #: All functions that live workers offer, on any queue.
        self.names: frozenset[str] = frozenset()
        #: A text that changes when queues, functions or their documents do, and is the same in all processes
        #: that see the same. It does not depend on the number of workers.
        self.version = _version({})

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues that are watched or have had workers which publish their functions."""
        return tuple(name for name, queue in self._queues.items() if queue.seen or name in self._watched)

    def begin_to_watch(self, queues: Sequence[str], find_served: _FindServed | None = None) -> None:
        """Name the queues that `watch` reads from the start; others join once they have had workers.

        Args:
            queues: Their names.
            find_served: Returns queues with live workers besides the given ones; None = others join once they
                have been asked about.
        """
        self._watched = frozenset(queues)
        self._find_served = find_served
        self._queues |= {name: _Queue() for name in queues}

    async def watch(self, every: float = _READ_EVERY) -> None:
        """Read the queues that requests name periodically, and all others seldom, until cancelled.

        Args:
            every: Seconds between two reads; less than a silent connection is trusted, so that none of them
                needs a new one.
        """
        while True:
            with suppress(BrokerUnavailable):
                await self._look(_LOOK_EVERY if self._has_found else 0.0)
                for name in filter(self._is_followed, self.queues):
                    await self._fresh(name)
            await asyncio.sleep(every)

    async def be_sure(self) -> None:
        """Have a look at all queues with workers, unless the last one was a moment ago.

        Raises:
            BrokerUnavailable: Nothing is known yet, and Redis does not answer.
        """
        if self._has_found:
            with suppress(BrokerUnavailable, TimeoutError):
                async with asyncio.timeout(_LONGEST_LOOK):
                    await self._look(_READ_EVERY)
        else:
            await self._look(0.0)
        for name in self._watched:
            if self._queues[name].read_at is None:
                await self._fresh(name)

    async def _look(self, max_age: float) -> None:
        """Read the queues with workers that no request names, unless the last look is younger than that."""
        if monotonic() - self._looked_at >= max_age:
            await self._looks.read(None, self._read_others)

    async def _read_others(self) -> None:
        self._looked_at = monotonic()
        known = self.queues
        others = [name for name in known if not self._is_followed(name)]
        if self._find_served is not None and len(known) < MOST_QUEUES:
            try:
                others += await self._find_served(known)
            except BrokerUnavailable:
                raise
            except BrokerError as error:
                logger.debug("could not look for queues with workers: %s", error)
        for name in others:
            await self._fresh(name)
        self._has_found = True

    def _is_followed(self, name: str) -> bool:
        """Whether what is remembered of a queue is good enough for requests."""
        queue = self._queues.get(name)
        return name in self._watched or (queue is not None and queue.seen and queue.is_asked)

    def remembered(self, function: str, queue: str) -> Availability | None:
        """Return what `watch` last found, without asking Redis; None = this queue is not watched."""
        known = self._queues.get(queue)
        if known is None or known.read_at is None or not self._is_followed(queue):
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
        known.is_asked = True
        return known.availability(function)

    def settle_for_known(self, function: str, queue: str) -> Availability:
        """Return what `find` last found, as a new answer: for use when Redis does not answer."""
        known = self._queues.get(queue) or _Queue()
        known.read_at = monotonic()
        self._remember(queue, known)
        return known.availability(function)

    def names_on(self, queue: str) -> frozenset[str]:
        """Return the functions that live workers of a queue were last seen to offer."""
        return frozenset(self._offers(queue).functions)

    def queues_of(self, function: str) -> list[str]:
        """Return the queues whose live workers were last seen to offer a function, sorted."""
        return sorted(name for name, queue in self._queues.items() if function in queue.offers.functions)

    def documents(self, function: str, queue: str) -> Sequence[FunctionDocument]:
        """Return what live workers of a queue were last seen to publish of a function, one for each version.

        Empty if none offers it, or if a live worker may have a version that is not known. A document without
        `parameters` says nothing about the arguments.
        """
        offers = self._offers(queue)
        return () if offers.has_unknown else offers.functions.get(function, ())

    async def offered_by(self, catalogue: str) -> Sequence[str] | None:
        """Return the functions in the catalogue of a worker, sorted; None = it cannot be read now.

        Args:
            catalogue: Its digest.
        """
        queues = list(self._queues.values())
        in_use = {digest: one for queue in queues for digest, one in queue.offers.catalogues.items()}
        found = in_use.get(catalogue) or await self._catalogues.get(catalogue, in_use)
        return None if found is None else sorted(found.functions)

    def all_functions(self) -> dict[str, LiveFunction]:
        """Return the functions that live workers of all `queues` were last seen to offer, sorted by name.

        It takes some milliseconds for a thousand functions, and may be called in any thread. Remember what is
        made of it by `version`.
        """
        # The copy is made in one step, so that other threads may call this.
        return together({name: queue.offers for name, queue in self._queues.copy().items()})

    def all_schedules(self) -> list[LiveSchedule]:
        """Return the cron jobs that live workers of all `queues` were last seen to have, sorted by id."""
        return live_schedules([queue.offers for queue in self._queues.copy().values()])

    def _offers(self, queue: str) -> Offers:
        known = self._queues.get(queue)
        return known.offers if known else Offers()

    def _fresh(self, name: str) -> Awaitable[_Queue]:
        return self._reads.read(name, partial(self._read, name))

    async def _read(self, name: str) -> _Queue:
        queue = self._queues.get(name) or _Queue()
        before = queue.offers
        try:
            records = await self._read_workers(name)
        except BrokerUnavailable:
            raise
        except BrokerError as error:
            # The ACL forbids it, or it is not a queue: what was known stays.
            logger.debug("could not read the workers of a queue: %s", error)
        else:
            queue.offers = before.after(records, await self._catalogues_of(records, before.catalogues))
        queue.seen = queue.seen or queue.offers.publishes
        self.any_published = self.any_published or queue.seen
        queue.read_at = monotonic()
        self._remember(name, queue)
        if queue.offers.functions is not before.functions:
            self._note_change()
        return queue

    async def _catalogues_of(
        self, records: Sequence[WorkerRecord], known: Mapping[str, Catalogue]
    ) -> dict[str, Catalogue]:
        """Return the catalogues of workers by digest, without those that cannot be read now."""
        digests = {record.catalogue for record in records if record.catalogue}
        in_use = digests.union(*(queue.offers.catalogues for queue in self._queues.values()))
        found = {digest: known[digest] for digest in digests & known.keys()}
        until = monotonic() + _READING
        for digest in digests - known.keys():
            if monotonic() < until and (read := await self._catalogues.get(digest, in_use)) is not None:
                found[digest] = read
        return found

    def _note_change(self) -> None:
        offers = {name: queue.offers for name, queue in self._queues.items()}
        self.names = frozenset().union(*(each.functions for each in offers.values()))
        self.version = _version(offers)

    def _remember(self, name: str, queue: _Queue) -> None:
        if name not in self._queues and len(self._queues) >= MOST_QUEUES:
            # Callers may invent names of queues: one of those is forgotten.
            unused = self._queues.keys() - set(self.queues)
            if not unused:
                return
            del self._queues[unused.pop()]
        self._queues[name] = queue


def _version(offers: Mapping[str, Offers]) -> str:
    catalogues = sorted((queue, sorted(each.catalogues)) for queue, each in offers.items() if each.catalogues)
    return sha256(repr(catalogues).encode(errors="surrogateescape")).hexdigest()
