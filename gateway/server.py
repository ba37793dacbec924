"""A gateway's life: parts put together, sockets opened, and all of it taken down in order."""

import asyncio
import contextlib
import errno
import gc
import logging
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp.http_parser import HttpRequestParser, HttpRequestParserPy
from aiohttp.web import ServerRunner

from jobgate.broker import Broker
from jobgate.gateway.auth.keys_file import KeysFile
from jobgate.gateway.auth.wait_limit import Waits
from jobgate.gateway.connection import GatewayServer
from jobgate.gateway.context import Gateway
from jobgate.gateway.door import Door
from jobgate.gateway.functions.function_check import FunctionCheck
from jobgate.gateway.functions.names import QueueNames
from jobgate.gateway.handlers.health import openapi_json
from jobgate.gateway.http.sockets import site_of
from jobgate.gateway.http.unsent import Unsent
from jobgate.gateway.job_looks import Looks
from jobgate.gateway.metrics import Meter
from jobgate.gateway.routes import METRICS_ROUTES, Router
from jobgate.gateway.settings import GatewayError, GatewaySettings
from jobgate.gateway.startup import greet, look_around, watch_data_set

logger = logging.getLogger("jobgate.gateway")

#: Seconds that the broker has for its last words to a Redis that may hang.
_CLOSING = 1.0
#: The part of a request's time for Redis that one operation may take: the broker gives up before the request
#: does, as it knows better what has happened.
_ONE_OPERATION = 0.9


@asynccontextmanager
async def open_gateway(settings: GatewaySettings) -> AsyncIterator[Gateway]:
    """The parts of a gateway, connected; raises `GatewayError` when Redis or the keys file cannot be used.

    A Redis that is only away is no error: the gateway says so at `/readyz` and goes on when it is back.
    """
    keys = _keys(settings)
    broker = _broker(settings)
    queues = QueueNames(broker.keys, settings.queues, default=settings.default_queue)
    watched = tuple(dict.fromkeys((queues.default, *settings.queues)))
    live = broker.live_functions
    live.begin_to_watch(watched)
    gateway = Gateway(
        settings=settings,
        broker=broker,
        functions=FunctionCheck(live, beside_arq=settings.serializer == "pickle"),
        queues=queues,
        waits=Waits(limit=settings.max_waits, limit_per_key=settings.max_waits_per_key),
        looks=Looks(broker, lambda: live.queues),
        unsent=Unsent(settings.max_unsent),
        meter=Meter(),
        keys=keys,
    )
    try:
        greeted = await greet(broker)
        async with _background(gateway, greeted):
            yield gateway
    finally:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(broker.close(), _CLOSING)


def _keys(settings: GatewaySettings) -> KeysFile | None:
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
        )
    except ValueError as error:
        raise GatewayError(str(error)) from error


@asynccontextmanager
async def _background(gateway: Gateway, greeted: bool) -> AsyncIterator[None]:
    """What goes on beside the requests; cancelled and awaited at the end."""
    broker = gateway.broker
    looking = look_around(broker, gateway.settings.serializer, greeted=greeted)
    helpers = (broker.live_functions.watch(), looking, watch_data_set(broker))
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
        await asyncio.gather(*running, return_exceptions=True)


async def serve(settings: GatewaySettings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then drain and end; raises `GatewayError` when it cannot begin."""
    openapi_json()
    if HttpRequestParser is HttpRequestParserPy:
        logger.warning("aiohttp runs without its C parser: it is slower, and takes more than HTTP allows")
    async with open_gateway(settings) as gateway:
        runners = await _listen(gateway)
        try:
            await stop.wait()
            stop.clear()
            await _drain(gateway, stop)
        finally:
            await asyncio.gather(*(runner.cleanup() for runner in runners))
    logger.info("stopped")


async def _drain(gateway: Gateway, hurry: asyncio.Event) -> None:
    """Serve on while load balancers learn of the end; a second signal cuts that short."""
    gateway.draining = True
    logger.info("shutting down, serving for %g more seconds", gateway.settings.drain)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(hurry.wait(), gateway.settings.drain)
    gateway.waits.end_all()


async def _listen(gateway: Gateway) -> list[ServerRunner]:
    settings = gateway.settings
    runners = [await _runner(gateway, Door(gateway, Router()), (settings.host, settings.port), "listening")]
    if settings.metrics_port is not None:
        door = Door(gateway, Router(METRICS_ROUTES), is_open=True)
        where = (settings.metrics_host, settings.metrics_port)
        runners.append(await _runner(gateway, door, where, "metrics listening"))
    return runners


async def _runner(gateway: Gateway, door: Door, where: tuple[str, int], what: str) -> ServerRunner:
    settings, (host, port) = gateway.settings, where
    server = GatewayServer(
        door.handle, settings=settings, meter=gateway.meter, request_ids=gateway.request_ids
    )
    # aiohttp grants this time twice: for open requests to end, and again once they are cancelled.
    runner = ServerRunner(server, shutdown_timeout=settings.shutdown / 2)
    await runner.setup()
    try:
        await site_of(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise GatewayError(_why_not_open(error, host, port)) from error
    bound = runner.addresses[0][1]
    logger.info("%s on http://%s:%d", what, f"[{host}]" if ":" in host else host, bound)
    return runner


def _why_not_open(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is in use: stop the program that uses it, or choose another port."
    # asyncio puts the address into the text; errors of name resolution have negative numbers.
    why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    return f"Port {port} of {host} cannot be opened: {why}."


def run(settings: GatewaySettings) -> None:
    """Serve until SIGTERM or SIGINT; raises `GatewayError` when it cannot begin."""
    _calm_garbage_collection()
    with asyncio.Runner(loop_factory=_loop_factory(settings.loop)) as runner:
        runner.run(_serve_until_signalled(settings))


def _calm_garbage_collection() -> None:
    """Look for reference cycles seldom: requests make none, and the looking is a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


async def _serve_until_signalled(settings: GatewaySettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    await serve(settings, stop)


def _loop_factory(loop: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the event loop that was asked for; None = asyncio's own."""
    if loop == "asyncio":
        return None
    try:
        import uvloop  # noqa: PLC0415 - not everywhere to be had
    except ImportError as error:
        if loop == "uvloop":
            raise GatewayError("--loop uvloop needs uvloop: run `pip install uvloop`.") from error
        return None
    return uvloop.new_event_loop
