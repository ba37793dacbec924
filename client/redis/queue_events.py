"""What happens to all jobs, as events, straight from Redis."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Final

from jobgate.broker import Broker, Feed, Happening, Onlooker, errors, time_of
from jobgate.client.errors import GatewayUnavailable, InvalidRequest
from jobgate.client.info import QueueEvent, QueueEventKind

#: Seconds of silence after which Redis is asked whether it is there.
_SILENCE: Final = 15.0


async def queue_events(
    broker: Broker, queue: str | None, function: str | None
) -> AsyncGenerator[QueueEvent, None]:
    """Yield what happens.

    Raises:
        InvalidRequest: No queue can have this name.
        GatewayUnavailable: Redis is unavailable.
    """
    something = asyncio.Event()
    named = await _checked(broker, queue)
    onlooker = Onlooker(queue=named, function=function, sees=lambda _: True, notify=something.set)

    async def queues() -> list[str]:
        return [broker.keys.default_queue, *await broker.known_queues()]

    feed = Feed(broker, queues)
    with feed.look_on(onlooker):
        try:
            while True:
                while (happening := onlooker.take()) is not None:
                    yield _event(happening)
                with suppress(TimeoutError):
                    await asyncio.wait_for(something.wait(), _SILENCE)
                if not something.is_set():
                    await _checked(broker, queue)
                something.clear()
        finally:
            await feed.close()


async def _checked(broker: Broker, queue: str | None) -> str | None:
    """Return the name of the queue if it is one, and if Redis answers."""
    try:
        await broker.connect()
        return None if queue is None else broker.keys.queue(queue)
    except errors.InvalidName as error:
        raise InvalidRequest(str(error)) from None
    except errors.BrokerError as error:
        raise GatewayUnavailable(str(error)) from None


def _event(happening: Happening) -> QueueEvent:
    return QueueEvent(
        kind=QueueEventKind(happening.kind.value),
        job_id=happening.job_id,
        queue=happening.queue,
        function=happening.function,
        time=time_of(happening.time_ms),
        success=happening.success,
        missed=happening.missed,
    )
