"""A job is shown to its owner alone, also when its id changes hands while its first owner waits for it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import redis

from harness.systems.gateways import PlayedWorker, RunningGateway, running_gateway
from harness.waiting import eventually_async
from jobgate.broker import Broker
from jobgate.gateway import new_key

#: Function and return value of the second owner's job.
SECRET = "secret"

#: How the first owner asks for its job `a`, and what tells that it waits.
ASKED = {
    "result": ("GET", "/jobs/a/result?wait=30", "arq:queue:wanted:a"),
    "status": ("GET", "/jobs/a/status?wait=30", "arq:queue:wanted:a"),
    "abort": ("POST", "/jobs/a/abort?wait=30", "arq:queue:wanted:a"),
    "call": ("POST", "/jobs/add?wait=30", "arq:job:a"),
}


class Story:
    """Two owners of one id at one gateway."""

    def __init__(self, gateway: RunningGateway, broker: Broker, stored: redis.Redis, keys: list[str]) -> None:
        self.gateway = gateway
        self.worker = PlayedWorker(broker, "add", SECRET)
        self._stored = stored
        self._first, self._second = ({"Authorization": f"Bearer {key}"} for key in keys)

    async def first_waits(self, asked: str) -> "asyncio.Task[tuple[int, Any, Any]]":
        """Have the first owner ask for its job, and return once it waits."""
        method, path, sign = ASKED[asked]
        document = {"job_id": "a"}
        if asked != "call":
            await self.gateway.post("/jobs/add", document, headers=self._first)
        if asked == "abort":
            await self.worker.claim()
        waiting = asyncio.create_task(
            self.gateway.ask(method, path, json=document if asked == "call" else None, headers=self._first)
        )

        async def waits() -> bool:
            return bool(self._stored.exists(sign))

        await eventually_async(waits, what="the wait")
        return waiting

    async def first_repeats(self, wait: str = "") -> tuple[int, Any]:
        """Have the first owner enqueue its job under an idempotency key, the same each time."""
        headers = {**self._first, "Idempotency-Key": "k"}
        return (await self.gateway.post(f"/jobs/add{wait}", {"job_id": "a"}, headers=headers))[:2]

    async def id_changes_hands(self) -> None:
        """Have the first job go without a trace, and the second owner enqueue one under its id."""
        with self._stored.pipeline() as batch:
            batch.delete("arq:job:a", "arq:in-progress:a", "arq:retry:a")
            batch.zrem("arq:queue", "a")
            batch.zrem("arq:abort", "a")
            batch.execute()
        status, _, _ = await self.gateway.post(f"/jobs/{SECRET}", {"job_id": "a"}, headers=self._second)
        assert status == 202


@pytest.fixture
async def story(redis_url: str, tmp_path: Path) -> AsyncIterator[Story]:
    made = [new_key(name, ("enqueue:*", "read", "abort")) for name in ("first", "second")]
    file = tmp_path / "keys.toml"
    file.write_text("".join(entry for _, entry in made))
    with redis.Redis.from_url(redis_url) as stored:
        async with running_gateway(redis_url, keys_file=file) as gateway, Broker(redis_url) as broker:
            yield Story(gateway, broker, stored, [key for key, _ in made])


@pytest.mark.parametrize("asked", ASKED)
async def test_the_outcome_of_the_next_owners_job_is_not_told(story: Story, asked: str) -> None:
    waiting = await story.first_waits(asked)
    await story.id_changes_hands()
    await story.worker.run_one(SECRET)
    status, answer, _ = await waiting
    assert SECRET not in str(answer)
    assert status == {"status": 404, "call": 202}.get(asked, 410)


@pytest.mark.parametrize("wait", ["", "?wait=30"])
async def test_a_replay_does_not_show_the_next_owners_job(story: Story, wait: str) -> None:
    """An idempotency key outlives its job."""
    answers = [await story.first_repeats()]
    await story.id_changes_hands()
    await story.worker.run_one(SECRET)
    answers.append(await story.first_repeats(wait))
    assert [status for status, _ in answers] == [202, 202]
    assert SECRET not in str(answers)


@pytest.mark.parametrize("asked", ASKED)
async def test_the_next_owners_job_is_not_shown_when_the_wait_is_over(story: Story, asked: str) -> None:
    waiting = await story.first_waits(asked)
    await story.id_changes_hands()
    story.gateway.stop.set()  # ends all waits
    status, answer, _ = await waiting
    assert SECRET not in str(answer)
    assert status == {"status": 404, "call": 202}.get(asked, 410)
