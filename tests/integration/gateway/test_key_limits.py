"""The limits of a key, and clients with wrong keys."""

from pathlib import Path

from harness.gateways import running_gateway
from jobgate.gateway import new_key


async def test_wrong_keys_are_slowed_by_address_and_valid_ones_are_not(
    redis_url: str, tmp_path: Path
) -> None:
    key, entry = new_key("shop", ("read",))
    path = tmp_path / "keys.toml"
    path.write_text(entry)
    options = {"keys_file": path, "trusted_proxies": ("127.0.0.1",)}

    def sent(key: str, address: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}", "X-Forwarded-For": address}

    async with running_gateway(redis_url, **options) as gateway:
        answers = [await gateway.get("/jobs", headers=sent("wrong", "192.0.2.1")) for _ in range(25)]
        assert [status for status, _, _ in answers] == [401] * 20 + [429] * 5
        _, problem, headers = answers[-1]
        assert (problem["code"], problem["retryable"]) == ("too-many-bad-keys", True)
        assert 1 <= int(headers["Retry-After"]) <= 3
        assert (await gateway.get("/jobs", headers=sent(key, "192.0.2.1")))[0] == 200
        assert (await gateway.get("/jobs", headers=sent("wrong", "192.0.2.2")))[0] == 401
        assert (await gateway.get("/jobs"))[0] == 401  # no key is no wrong key
        async with running_gateway(redis_url) as without_keys:
            assert (await without_keys.get("/jobs", headers=sent("wrong", "192.0.2.1")))[0] == 200


async def test_a_key_has_its_own_largest_body(redis_url: str, tmp_path: Path) -> None:
    small, small_entry = new_key("small", ("enqueue:*",), limits={"max_body": 1000})
    large, large_entry = new_key("large", ("enqueue:*",), limits={"max_body": 3000})
    other, other_entry = new_key("other", ("enqueue:*",))
    path = tmp_path / "keys.toml"
    path.write_text(small_entry + large_entry + other_entry)

    async with running_gateway(redis_url, keys_file=path, max_body=2000) as gateway:

        async def status_of(key: str, size: int) -> tuple[int, str]:
            body = b'{"args":["%s"]}' % (b"x" * (size - 13))
            assert len(body) == size
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            status, answer, _ = await gateway.ask("POST", "/jobs/f", data=body, headers=headers)
            return status, answer.get("detail", "")

        too_large = "A body may have at most {} bytes."
        assert await status_of(small, 1000) == (202, "")
        assert await status_of(small, 1001) == (413, too_large.format(1000))
        assert await status_of(large, 3000) == (202, "")
        assert await status_of(large, 3001) == (413, too_large.format(3000))
        assert await status_of(other, 2000) == (202, "")
        assert await status_of(other, 2001) == (413, too_large.format(2000))
