"""`GET /key`: a program finds out what its key allows, without trying."""

from pathlib import Path

from harness.systems.gateways import RunningGateway, running_gateway
from jobgate.gateway import new_key


async def test_without_keys_everything_is_allowed(gateway: RunningGateway) -> None:
    status, document, _ = await gateway.get("/key")
    assert status == 200
    assert document == {
        "name": None,
        "scopes": ["abort", "enqueue:*", "inspect", "metrics", "operate", "read:*"],
        "functions": ["*"],
        "limits": {"rate": None, "burst": None, "pending": None, "waits": 2000, "max_body": 1024 * 1024},
        "not_after": None,
    }


async def test_a_key_sees_its_own_scopes_limits_and_expiry(redis_url: str, tmp_path: Path) -> None:
    limits = {"rate": 2.5, "pending": 10, "max_body": 65536}
    key, entry = new_key("shop", ("read", "enqueue:send_*"), limits=limits)
    file = tmp_path / "keys.toml"
    file.write_text(entry + "not_after = 2100-01-01T01:00:00+01:00\n")
    async with running_gateway(redis_url, keys_file=file, max_waits_per_key=7) as gateway:
        status, document, _ = await gateway.get("/key", headers={"Authorization": f"Bearer {key}"})
        refused, _, _ = await gateway.get("/key")
    assert (status, refused) == (200, 401)
    assert document == {
        "name": "shop",
        "scopes": ["enqueue:send_*", "read"],
        "functions": ["send_*"],
        "limits": {"rate": 2.5, "burst": 3, "pending": 10, "waits": 7, "max_body": 65536},
        "not_after": "2100-01-01T00:00:00.000Z",
    }
