"""Whether Redis takes the traffic's writes: asked once for all who want to know, and not too often."""

import asyncio
from collections import deque

from jobgate.broker import Broker
from jobgate.broker.views.jobs import Readiness

#: Looks in one second; who asks more often hears the last one again.
_MOST_LOOKS = 10


class ReadinessProbe:
    """Looks at Redis on behalf of `/readyz`."""

    def __init__(self) -> None:
        self._look: asyncio.Task[Readiness] | None = None
        #: When the last looks began, by the clock of the loop.
        self._begun: deque[float] = deque(maxlen=_MOST_LOOKS)

    async def ask(self, broker: Broker, *, within: float) -> Readiness:
        """What a look finds that lasts no longer than `within` seconds; those at the same time share one."""
        if self._look is None or (self._look.done() and not self._is_busy()):
            loop = asyncio.get_running_loop()
            self._begun.append(loop.time())
            self._look = loop.create_task(broker.check(timeout=within))
        return await asyncio.shield(self._look)

    def _is_busy(self) -> bool:
        now = asyncio.get_running_loop().time()
        return len(self._begun) == _MOST_LOOKS and now - self._begun[0] < 1.0
