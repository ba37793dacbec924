"""The client and a gateway that wants keys."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from harness.processes.commands import Processes, new_key
from jobgate.client import Client, Forbidden, JobNotFound, Unauthorized


async def test_what_a_key_allows_is_allowed_and_nothing_else(
    processes: Processes, redis_url: str, tmp_path: Path
) -> None:
    keys = tmp_path / "keys.toml"
    mine = new_key(keys, "mine", "enqueue:re*", "read")
    other = new_key(keys, "other", "enqueue:*", "read")
    url = processes.gateway(redis_url, "--keys", str(keys)).url
    async with (
        Client(url, key=mine, registry=CollectorRegistry()) as client,
        Client(url, key=other, registry=CollectorRegistry()) as stranger,
        Client(url, key="not-a-key", registry=CollectorRegistry()) as wrong,
        Client(url, registry=CollectorRegistry()) as nobody,
    ):
        job = await client.enqueue("report")
        assert (await job.info()).function == "report"
        with pytest.raises(Forbidden):
            await client.enqueue("other")
        with pytest.raises(Forbidden):
            await job.abort()
        with pytest.raises(JobNotFound):
            await stranger.job(job.id).info()
        for refused in (wrong, nobody):
            with pytest.raises(Unauthorized):
                await refused.enqueue("report")
