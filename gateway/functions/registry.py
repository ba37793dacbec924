"""What live workers offer, so that a typing error is answered at once and not by a lost job."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from jobgate.broker import Broker
from jobgate.broker.errors import BrokerError, BrokerUnavailable
from jobgate.gateway.functions.near_names import learn, near_names

logger = logging.getLogger("jobgate.gateway.offers")

#: Queues that are looked at; requests may name any number of others.
_MAX_QUEUES = 64


class Verdict(Enum):
    """What is known about a function on a queue."""

    #: A live worker runs it.
    OFFERED = auto()
    #: Live workers say what they run, and none runs this.
    UNKNOWN = auto()
    #: Workers said what they run, here or in other queues, but none lives here now.
    ABSENT = auto()
    #: Nobody ever said, in any queue; stock arq workers do not.
    UNTOLD = auto()


@dataclass(slots=True)
class _Queue:
    """What was read last about one queue."""

    functions: frozenset[str] = frozenset()
    #: Live workers that say what they run.
    workers: int = 0
    #: Any ever seen by this gateway.
    seen: bool = False
    #: Whether it was looked at: until then nothing is known, not even that nobody is there.
    read: bool = False


class Offers:
    """The functions of live workers by queue, read again every second in the background."""

    def __init__(
        self, broker: Broker, queues: tuple[str, ...], *, beside_arq: bool = False, interval: float = 1.0
    ) -> None:
        """`queues` are watched from the start, others from their first use.

        `beside_arq`: there may be stock arq workers, which publish nothing, so nobody is ever ABSENT.
        """
        self._broker = broker
        self._beside_arq = beside_arq
        self._interval = interval
        self._configured = frozenset(queues)
        self._queues = {name: _Queue() for name in queues}
        #: Whether any worker ever said what it runs.
        self._seen_anywhere = False
        #: All functions that live workers offer now: the labels that metrics may carry.
        self.names: frozenset[str] = frozenset()
        self._reading: asyncio.Task[BrokerUnavailable | None] | None = None

    async def watch(self) -> None:
        """Read for ever; to be cancelled."""
        while True:
            await self._read_shared()
            await asyncio.sleep(self._interval)

    def known(self, function: str, queue: str) -> Verdict | None:
        """The verdict that needs no question to Redis: OFFERED or UNTOLD; None = `judge` must ask."""
        known = self._queues.get(queue)
        if known is None or not known.read:
            return None
        if function in known.functions:
            return Verdict.OFFERED
        # Found nobody within the last second: stock arq, or not started yet. Either way: enqueue.
        return None if known.seen or self._tells_of_absence else Verdict.UNTOLD

    @property
    def _tells_of_absence(self) -> bool:
        """Whether a queue without workers has none: they publish themselves, as was seen of any."""
        return self._seen_anywhere and not self._beside_arq

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues that are looked at."""
        return tuple(self._queues)

    async def judge(self, function: str, queue: str) -> Verdict:
        """Whether a job of this function would be run. A bad verdict is never older than the request.

        Raises `BrokerUnavailable` when Redis has to be asked and does not answer.
        """
        found = self.known(function, queue)
        if found is not None:
            return found
        known = self._queues.get(queue)
        if known is None:
            if len(self._queues) >= _MAX_QUEUES:
                return Verdict.UNTOLD
            self._queues[queue] = known = _Queue()
        try:
            away = await self._read_shared()
        finally:
            if not known.seen and queue not in self._configured:
                # Names that callers make up are not watched.
                self._queues.pop(queue, None)
        if away is not None:
            raise BrokerUnavailable(str(away)) from away
        if function in known.functions:
            return Verdict.OFFERED
        if known.workers:
            return Verdict.UNKNOWN
        return Verdict.ABSENT if self._tells_of_absence else Verdict.UNTOLD

    def near(self, function: str, may_know: Callable[[str], bool]) -> list[str]:
        """Names like this one that live workers offer and that the caller may know of."""
        return near_names(function, self.names, may_know)

    async def _read_shared(self) -> BrokerUnavailable | None:
        """Read once for all who ask at the same time; whoever comes later starts anew.

        Returns what kept it from reading.
        """
        if self._reading is not None:
            await asyncio.shield(self._reading)
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
            self._reading.add_done_callback(self._has_been_read)
        return await asyncio.shield(self._reading)

    def _has_been_read(self, _: "asyncio.Task[BrokerUnavailable | None]") -> None:
        self._reading = None

    async def _read(self) -> BrokerUnavailable | None:
        for name, queue in list(self._queues.items()):
            try:
                await self._read_queue(name, queue)
            except BrokerUnavailable as error:
                logger.debug("could not read the workers of a queue: %s", error)
                return error
            except BrokerError as error:
                # Not to be read with this ACL, or not a queue: what was known stays.
                logger.debug("could not read the workers of a queue: %s", error)
            queue.read = True
        self.names = frozenset().union(*(queue.functions for queue in self._queues.values()))
        learn(self.names)
        return None

    async def _read_queue(self, name: str, queue: _Queue) -> None:
        records = [record for record in await self._broker.workers(name) if record.functions]
        queue.functions = frozenset(function for record in records for function in record.functions)
        queue.workers = len(records)
        queue.seen = queue.seen or bool(records)
        self._seen_anywhere = self._seen_anywhere or queue.seen
