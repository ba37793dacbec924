"""The lifecycle of a gateway: its parts are assembled, ports opened, and all is shut down in order."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager

from aiohttp.http_parser import HttpRequestParser, HttpRequestParserPy

from jobgate.broker import Broker, Feed, Pulse
from jobgate.gateway.arguments import ArgumentCheck
from jobgate.gateway.auth import Keys, KeysFile, KeysText, SharedWaits, Waits
from jobgate.gateway.context import Call, Gateway
from jobgate.gateway.counts import HostCounts, Occupancy
from jobgate.gateway.events import OpenStreams
from jobgate.gateway.finding import FailureCounter, Finder, Sources
from jobgate.gateway.functions import FunctionCheck, QueueNames
from jobgate.gateway.http import Door, HttpServer, Proxies, Unsent
from jobgate.gateway.listening import Certificate, Listener, OpenSockets, Place, TcpPort, UnixSocket, listen
from jobgate.gateway.member import Member
from jobgate.gateway.metrics import Meter
from jobgate.gateway.openapi import Descriptions, base_document
from jobgate.gateway.operations import OperationParts, OperationRunner
from jobgate.gateway.reads import FleetReads, Looks, RedisState
from jobgate.gateway.routes import METRICS_ROUTES, PAGES, ROUTES, Router
from jobgate.gateway.service import GatewayService
from jobgate.gateway.settings import GatewayError, GatewaySettings

logger = logging.getLogger("jobgate.gateway")

#: Seconds that the broker has to close its connections to a Redis that may hang.
_CLOSING = 1.0
#: The share of a request's time for Redis that one operation may take: the broker gives up before the request
#: does, because it knows more exactly what has happened.
_ONE_OPERATION = 0.9


@asynccontextmanager
async def open_gateway(settings: GatewaySettings, member: Member | None = None) -> AsyncIterator[Gateway]:
    """Yield the parts of a gateway, connected, with its background tasks running.

    An unavailable Redis is not an error: `/readyz` reports it, and the gateway works once it is back.

    Args:
        settings: The gateway's settings.
        member: Which of several processes this is; None = the only one.

    Raises:
        GatewayError: Redis or the keys file cannot be used.
    """
    gateway = _gateway(settings, member)
    try:
        await gateway.redis.greet()
        async with _background(gateway):
            yield gateway
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING):
                await gateway.shared_waits.drain()
                await gateway.broker.close()


def _gateway(settings: GatewaySettings, member: Member | None) -> Gateway:
    """Return the parts of a gateway; raises `GatewayError`."""
    keys = _keys(settings)
    broker = _broker(settings)
    counts = HostCounts() if member is None else HostCounts(member.counts, member.processes, member.number)
    live = broker.live_functions
    queues = QueueNames(broker.keys, settings.queues, default=settings.default_queue)
    meter = Meter(counts)
    fleet = FleetReads(broker, queues, local=lambda: live.queues, enqueued=lambda: meter.queues)
    live.begin_to_watch(tuple(dict.fromkeys((queues.default, *settings.queues))), fleet.served)
    sources = Sources(broker, fleet.queues)
    finder = Finder(broker, sources)
    functions = FunctionCheck(live, beside_arq=settings.serializer == "pickle")
    return Gateway(
        settings=settings,
        broker=broker,
        functions=functions,
        descriptions=Descriptions(live, settings.base_path),
        arguments=ArgumentCheck(),
        queues=queues,
        fleet=fleet,
        counts=counts,
        waits=Waits(limit=settings.max_waits, limit_per_key=settings.max_waits_per_key, counts=counts),
        streams=OpenStreams(
            limit=settings.max_streams, limit_per_key=settings.max_waits_per_key, counts=counts
        ),
        shared_waits=SharedWaits(broker),
        feed=Feed(broker, fleet.queues),
        pulse=Pulse(broker, fleet.queues),
        looks=Looks(broker, lambda: live.queues),
        finder=finder,
        failures=FailureCounter(broker, sources),
        operations=OperationParts(broker, finder, functions, lambda: live.queues, settings.bulk_at_once),
        unsent=Unsent(settings.max_unsent, Occupancy(counts, "unsent")),
        meter=meter,
        redis=RedisState(broker, settings.serializer, is_quiet=member is not None and member.number > 1),
        keys=keys,
        proxies=Proxies(settings.trusted_proxies, settings.proxy_header),
    )


def _keys(settings: GatewaySettings) -> Keys | None:
    if settings.keys_text is not None:
        return KeysText(settings.keys_text)
    if settings.keys_file is None:
        return None
    keys = KeysFile(settings.keys_file, grace=settings.keys_grace)
    keys.load()
    return keys


def _broker(settings: GatewaySettings) -> Broker:
    try:
        return Broker(
            settings.redis,
            codec=settings.serializer,
            namespace=settings.namespace,
            deadline=settings.redis_deadline * _ONE_OPERATION,
            index_limit=settings.index_limit,
        )
    except ValueError as error:
        raise GatewayError(str(error)) from error


@asynccontextmanager
async def _background(gateway: Gateway) -> AsyncIterator[None]:
    """Run the background tasks; they are cancelled and awaited at the end."""
    redis = gateway.redis
    operations = OperationRunner(
        gateway.broker,
        gateway.operations.operation,
        default_queue=gateway.queues.default,
        is_draining=lambda: gateway.is_draining,
    )
    live, fleet, streams = gateway.broker.live_functions, gateway.fleet, gateway.streams
    helpers = (
        live.watch(),
        redis.look_around(),
        redis.watch_data_set(),
        fleet.note_queues(),
        streams.watch_keys(),
        operations.run(),
    )
    running = [asyncio.create_task(each) for each in helpers]
    stop = threading.Event()
    if gateway.keys is not None:
        threading.Thread(target=gateway.keys.watch, args=(stop,), name="jobgate-keys", daemon=True).start()
    try:
        yield
    finally:
        stop.set()
        for each in running:
            each.cancel()
        await asyncio.gather(gateway.feed.close(), gateway.pulse.close(), *running, return_exceptions=True)


async def serve(
    settings: GatewaySettings,
    stop: asyncio.Event,
    ready: Callable[[str], None] | None = None,
    *,
    member: Member | None = None,
    asked_to_reread: asyncio.Event | None = None,
) -> None:
    """Serve until `stop` is set, then drain and return.

    Args:
        settings: The gateway's settings.
        stop: Set it to end the gateway.
        ready: Called with the gateway's URL when it listens.
        member: Which of several processes this is; None = the only one.
        asked_to_reread: Set it to have keys and certificate read again, although they seem to be unchanged.

    Raises:
        GatewayError: It cannot start.
    """
    base_document()
    if HttpRequestParser is HttpRequestParserPy:
        logger.warning("aiohttp runs without its C parser: it is slower, and accepts more than HTTP allows")
    certificate = _certificate(settings)
    async with open_gateway(settings, member) as gateway:
        sources = [each for each in (gateway.keys, certificate) if each is not None]
        with _watched(certificate), _reread_when(asked_to_reread or asyncio.Event(), sources):
            listeners = await _listen(gateway, certificate, member)
            gateway.counts.note_serving()
            if ready is not None:
                ready(listeners[0].url)
            try:
                await stop.wait()
                stop.clear()
                await _drain(gateway, stop)
            finally:
                await _close(listeners)
    logger.info("stopped")


def _certificate(settings: GatewaySettings) -> Certificate | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    return Certificate(settings.tls_cert, settings.tls_key)


@contextlib.contextmanager
def _watched(certificate: Certificate | None) -> Iterator[None]:
    """Read the certificate again when it changes."""
    stop = threading.Event()
    if certificate is not None:
        threading.Thread(target=certificate.watch, args=(stop,), name="jobgate-tls", daemon=True).start()
    try:
        yield
    finally:
        stop.set()


@contextlib.contextmanager
def _reread_when(asked: asyncio.Event, sources: Sequence[Keys | Certificate]) -> Iterator[None]:
    """Have the next check read files again, whether they have changed or not, whenever the event is set."""

    async def reread() -> None:
        while await asked.wait():
            asked.clear()
            for source in sources:
                source.reread()
            logger.info("SIGHUP, reading %s", "keys and certificate again" if sources else "nothing again")

    task = asyncio.create_task(reread())
    try:
        yield
    finally:
        task.cancel()


async def _drain(gateway: Gateway, hurry: asyncio.Event) -> None:
    """Keep serving while load balancers notice the shutdown; a second signal skips that."""
    gateway.is_draining = True
    logger.info("shutting down, serving for %g more seconds", gateway.settings.drain)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(hurry.wait(), gateway.settings.drain)
    gateway.waits.end_all()
    gateway.streams.end_all()


def main_place(settings: GatewaySettings) -> TcpPort | UnixSocket:
    """Return where a gateway with these settings listens."""
    if settings.unix_socket is not None:
        return UnixSocket(settings.unix_socket, settings.unix_socket_mode)
    return TcpPort(settings.host, settings.port)


async def _listen(gateway: Gateway, certificate: Certificate | None, member: Member | None) -> list[Listener]:
    settings = gateway.settings
    place: Place = main_place(settings)
    metrics_place: Place | None = None
    if settings.metrics_port is not None:
        metrics_place = TcpPort(settings.metrics_host, settings.metrics_port)
    if member is not None:
        place, metrics_place = member.place, member.metrics_place
    routes = tuple(route for route in ROUTES if not (settings.no_ui and route in PAGES))
    door = Door(
        GatewayService(gateway, Router(routes, base_path=settings.base_path)),
        write_deadline=settings.write_deadline,
        hosts=settings.allowed_hosts if settings.is_loopback and settings.unix_socket is None else None,
    )
    listeners = [await _listener(settings, door, place, "listening", certificate)]
    if metrics_place is not None:
        service = GatewayService(gateway, Router(METRICS_ROUTES))
        door = Door(service, write_deadline=settings.write_deadline)
        try:
            listeners.append(await _listener(settings, door, metrics_place, "metrics listening"))
        except GatewayError:
            await _close(listeners)
            raise
    return listeners


async def _listener(
    settings: GatewaySettings,
    door: Door[Call],
    place: Place,
    what: str,
    certificate: Certificate | None = None,
) -> Listener:
    server = HttpServer(
        door,
        header_deadline=settings.header_deadline,
        keepalive=settings.keepalive,
        max_header=settings.max_header,
    )
    listener = await listen(
        server,
        place,
        shutdown=settings.shutdown,
        tls=certificate.context if certificate else None,
        handshake_deadline=settings.header_deadline,
    )
    is_announced = isinstance(place, OpenSockets) or (isinstance(place, TcpPort) and place.is_shared)
    if not is_announced:  # by the supervisor, once all processes listen
        logger.info("%s on %s", what, listener.url)
    return listener


async def _close(listeners: list[Listener]) -> None:
    await asyncio.gather(*(listener.close() for listener in listeners))


async def check(settings: GatewaySettings) -> None:
    """Check what can be known before a gateway with these settings starts, its addresses apart.

    Raises:
        GatewayError: It could not start.
    """
    base_document()
    _keys(settings)
    _certificate(settings)
    broker = _broker(settings)
    try:
        await RedisState(broker, settings.serializer, is_quiet=True).greet()
    finally:
        await broker.close()
