"""Refuses functions that no live worker offers: 404 `unknown-function`, and 503 `no-worker` for calls."""

from collections.abc import Callable, Iterable, Sequence

from jobgate.broker import Availability, LiveFunctions, near_names
from jobgate.gateway.http import Problem

#: A live worker offers the function, or may offer it.
_MAY_RUN = (Availability.OFFERED, Availability.POSSIBLE)
_NONE_NEAR = (
    "GET /functions lists what live workers offer. Start a worker that offers it, or correct the name or "
    "the queue."
)


class FunctionCheck:
    """Checks requests against what live workers offer.

    Args:
        live: What they offer; kept up to date elsewhere.
        beside_arq: Whether there may be stock arq workers, on any queue. They publish nothing.
    """

    def __init__(self, live: LiveFunctions, *, beside_arq: bool) -> None:
        self._live = live
        self._beside_arq = beside_arq

    def passes(self, function: str, queue: str) -> bool:
        """Whether a request may pass according to the last answers; if not, `require` asks Redis.

        Where no worker has published anything within the last second, stock arq workers may be there, or
        workers that have not started yet: such requests pass, too.
        """
        found = self._live.remembered(function, queue)
        return found in _MAY_RUN or (found is Availability.UNPUBLISHED and not self._all_workers_publish)

    async def require(
        self,
        function: str,
        queue: str,
        *,
        waits: bool,
        may_know: Callable[[str], bool],
        max_age: float = 0.0,
    ) -> None:
        """Return if a job of this function would be run.

        Args:
            function: Its name.
            queue: Name of the queue.
            waits: Whether the caller waits for the outcome: then a worker has to be live now.
            may_know: Whether the caller may see a function's name.
            max_age: How old an answer of Redis may be, in seconds.

        Raises:
            Problem: 404 if live workers offer other functions only; 503 if none is live and the caller waits.
            BrokerUnavailable: Redis has to be asked and does not answer.
        """
        if self.passes(function, queue):
            return
        found = await self._live.find(function, queue, max_age=max_age)
        if found is Availability.UNKNOWN:
            await self._live.be_sure()
            near = near_names(function, self._live.names, may_know)
            queues = self._live.queues_of(function) if may_know(function) else []
            raise Problem("unknown-function", _advice(near, queues), members={"near": near, "queues": queues})
        if found not in _MAY_RUN and waits and self._all_workers_publish:
            raise Problem("no-worker", "Nothing was enqueued; try again, or without a wait.")

    @property
    def _all_workers_publish(self) -> bool:
        return self._live.any_published and not self._beside_arq


def not_offered(function: str, names: Iterable[str], may_know: Callable[[str], bool]) -> Problem:
    """Return the problem of a function that no live worker offers, with near names that the caller may see.

    Args:
        function: Its name.
        names: The functions that live workers offer.
        may_know: Whether the caller may see a function's name.
    """
    near = near_names(function, names, may_know)
    detail = f"Did you mean {' or '.join(near)}?" if near else "See GET /functions."
    return Problem("unknown-function", detail, members={"near": near})


def _advice(near: Sequence[str], queues: Sequence[str]) -> str:
    if queues:
        return f"Workers of other queues offer it. Name its `queue`: {' or '.join(queues)}."
    return f"Did you mean {' or '.join(near)}?" if near else _NONE_NEAR
