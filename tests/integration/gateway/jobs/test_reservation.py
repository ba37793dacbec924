"""A port that is opened once for several processes, where the kernel does not spread connections."""

import asyncio
import os
import socket

import aiohttp
import pytest

from harness.waiting import eventually_async
from jobgate.gateway import GatewaySettings, Member
from jobgate.gateway.counts import anonymous_file
from jobgate.gateway.listening import OpenSockets, TcpPort, reserve
from jobgate.gateway.listening import reservation as module
from jobgate.gateway.server import serve


async def test_processes_inherit_the_sockets_where_the_kernel_does_not_spread_connections(
    monkeypatch: pytest.MonkeyPatch, redis_url: str
) -> None:
    monkeypatch.setattr(module, "_spreads_evenly", lambda: False)
    kept = await reserve(TcpPort("localhost", 0), "http")
    assert kept.descriptors
    counts = anonymous_file(1)
    inherited = OpenSockets(tuple(os.dup(descriptor) for descriptor in kept.descriptors))
    member = Member(number=1, processes=1, counts=counts, place=inherited, metrics_place=None)
    stop = asyncio.Event()
    settings = GatewaySettings(redis=redis_url, drain=0.0)
    serving = asyncio.create_task(serve(settings, stop, member=member))

    async def answers() -> bool:
        async with aiohttp.ClientSession(kept.url) as session, session.get("/livez") as answer:
            return answer.status == 200

    await eventually_async(answers, what="the gateway answers")
    stop.set()
    await serving
    port = int(kept.url.rpartition(":")[2])
    with socket.create_connection(("localhost", port)):
        pass  # it waits for a successor
    kept.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("localhost", port))
    os.close(counts)


async def test_a_reserved_port_accepts_nothing_by_itself() -> None:
    kept = await reserve(TcpPort("127.0.0.1", 0), "http")
    assert isinstance(kept.place, TcpPort)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", kept.place.port))
    with pytest.raises(OSError, match="Address already in use"):
        socket.create_server(("127.0.0.1", kept.place.port))
    kept.close()
