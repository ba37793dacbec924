"""Equal requests at the same time, at several gateways: one job for each idempotency key."""

import asyncio
from collections import Counter
from itertools import cycle
from typing import Any

import redis

from harness.forms import LONG
from harness.systems.gateways import RunningGateway, running_gateway

KEYS, POSTS, AT_ONCE = (1000 if LONG else 50), 10, 20


async def test_equal_posts_at_three_gateways_make_one_job_for_each_key(redis_url: str) -> None:
    async with (
        running_gateway(redis_url) as one,
        running_gateway(redis_url) as two,
        running_gateway(redis_url) as three,
    ):
        gateways = (one, two, three)

        async def post(gateway: RunningGateway, number: int) -> tuple[str, bool]:
            headers = {"Idempotency-Key": f"key-{number}"}
            status, job, answered = await gateway.post("/jobs/add", {"args": [number]}, headers=headers)
            assert status == 202, job
            return job["job_id"], "Idempotent-Replayed" in answered

        async def post_all(number: int) -> list[tuple[str, bool]]:
            async with turns:
                some = zip(range(POSTS), cycle(gateways), strict=False)
                return await asyncio.gather(*(post(gateway, number) for _, gateway in some))

        turns = asyncio.Semaphore(AT_ONCE)
        found: list[Any] = await asyncio.gather(*map(post_all, range(KEYS)))
        status, problem, _ = await two.post(
            "/jobs/add", {"args": ["another"]}, headers={"Idempotency-Key": "key-0"}
        )
    assert (status, problem["code"]) == (422, "idempotency-key-reused")
    assert [Counter(replayed for _, replayed in answers) for answers in found] == [
        {False: 1, True: POSTS - 1}
    ] * KEYS
    ids = [{job_id for job_id, _ in answers} for answers in found]
    assert [len(each) for each in ids] == [1] * KEYS
    with redis.Redis.from_url(redis_url) as client:
        assert client.zcard("arq:queue") == KEYS == len(set.union(*ids))
        assert len(client.keys("arq:job:*")) == KEYS
