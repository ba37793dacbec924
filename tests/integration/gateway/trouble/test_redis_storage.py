"""What `GET /queues` says of the storage of Redis: memory, eviction, disk."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.servers.redis_server import RedisServer
from harness.systems.gateways import RunningGateway, running_gateway
from harness.tools import valkey_binary

LIMIT = 200_000_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server whose settings the test changes."""
    server = RedisServer(valkey_binary(), tmp_path).start()
    yield server
    server.kill()


async def storage_of(gateway: RunningGateway) -> Any:
    status, document, _ = await gateway.get("/queues")
    assert status == 200
    return document["redis"]


async def test_memory_eviction_and_durability_are_shown(server: RedisServer) -> None:
    with server.client() as client:
        client.config_set("maxmemory", LIMIT)
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("appendonly", "no")
        client.config_set("save", "")
        async with running_gateway(server.url) as gateway:
            found = await storage_of(gateway)
    assert 100_000 < found.pop("used_memory") < LIMIT
    assert found.pop("fragmentation") > 0
    assert found == {
        "max_memory": LIMIT,
        "eviction": "allkeys-lru",
        "evicted_keys": 0,
        "durability": "none",
        "disk_failing": False,
    }


async def test_without_a_limit_there_is_none(server: RedisServer) -> None:
    async with running_gateway(server.url) as gateway:
        assert (await storage_of(gateway))["max_memory"] is None


async def test_what_the_acl_forbids_is_unknown(server: RedisServer) -> None:
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "default", "-info", "-config")
    async with running_gateway(server.url) as gateway:
        assert await storage_of(gateway) == {
            "used_memory": None,
            "max_memory": None,
            "eviction": "unknown",
            "fragmentation": None,
            "evicted_keys": None,
            "durability": "unknown",
            "disk_failing": False,
        }
