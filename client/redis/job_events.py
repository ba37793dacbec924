"""The states of a job, as events, straight from Redis."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from jobgate.broker import Broker, FollowedJob, JobStates, JobView
from jobgate.client.errors import GatewayUnavailable, JobLost, JobNotFound, ResultGone
from jobgate.client.info import JobEvent, JobInfo

#: Seconds between two checks whether Redis still answers.
_CHECK_EVERY: Final = 2.0


class JobEvents:
    """The states of one job, the current one first, until it has ended.

    Args:
        broker: Where the job is.
        job_id: Id of the job.
        read: Reads the job; raises JobNotFound if there is none.
        patience: Seconds for which Redis may be unavailable.
    """

    def __init__(
        self, broker: Broker, job_id: str, read: Callable[[], Awaitable[JobView]], *, patience: float
    ) -> None:
        self._broker = broker
        self._job_id = job_id
        self._read = read
        self._patience = patience
        self._changed = asyncio.Event()

    async def events(self, info_of: Callable[[JobView], JobInfo]) -> AsyncGenerator[JobEvent, None]:
        """Yield the events; `info_of` makes a state of the job from its view."""
        data_set = self._broker.data_set.known
        states = JobStates(await self._read())
        queues = [states.view.queue] if states.view.queue else []
        seen: JobInfo | None = None
        with self._broker.follow(self._job_id, queues=queues, notify=self._changed.set) as job:
            if not states.view.has_ended:
                # Whoever has seen the first event will see the outcome, even if it is not kept.
                await self._change()
            while True:
                # Earlier tries are not read with each change, so that no state has them.
                info = info_of(replace(states.view, earlier_tries=()))
                if info != seen:
                    yield JobEvent.after(info, seen)
                    seen = info
                if states.view.has_ended:
                    return
                await self._next_state(states, job, data_set)

    async def _next_state(self, states: JobStates, job: FollowedJob, data_set: str | None) -> None:
        clock = asyncio.get_running_loop().time
        begin = clock()
        while not states.are_behind(job):
            await self._change()
            if clock() - max(begin, job.as_of or begin) > self._patience + _CHECK_EVERY:
                raise GatewayUnavailable
        try:
            await states.catch_up(job, self._read)
        except JobNotFound:
            lost = self._broker.data_set.changed_since(data_set)
            raise (JobLost if lost else ResultGone) from None

    async def _change(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_CHECK_EVERY):
                await self._changed.wait()
        self._changed.clear()
