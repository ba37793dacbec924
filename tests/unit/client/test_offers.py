"""What the client remembers of live workers."""

from collections.abc import Sequence

import pytest

from jobgate.client import UnknownFunction
from jobgate.client.redis import offers as module
from jobgate.client.redis.offers import Offers
from jobgate.client.requests import JobRequest, Options, job_request

Workers = Sequence[frozenset[str]] | None


def request(function: str) -> JobRequest:
    return job_request(function, (), {}, Options())


class Fleet:
    """Workers that a test starts and stops."""

    def __init__(self, *workers: set[str]) -> None:
        self.workers: Workers = [frozenset(one) for one in workers]
        self.reads = 0

    async def read(self, queue: str | None) -> Workers:
        self.reads += 1
        return self.workers


@pytest.fixture
def always_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FRESH", 0.0)


async def test_an_answer_is_good_for_a_while() -> None:
    fleet = Fleet({"add"})
    offers = Offers(fleet.read)
    for _ in range(10):
        assert await offers.check(request("add")) is True
    assert fleet.reads == 1


async def test_a_function_that_nobody_offers_is_named_with_its_neighbours() -> None:
    with pytest.raises(UnknownFunction, match="did you mean 'add'") as caught:
        await Offers(Fleet({"add", "echo"}, {"sub"}).read).check(request("ad"))
    assert caught.value.near == ("add",)


async def test_workers_that_never_said_anything_may_offer_everything() -> None:
    assert await Offers(Fleet().read).check(request("anything")) is True
    assert await Offers(Fleet(set()).read).check(request("anything")) is True


@pytest.mark.usefixtures("always_stale")
async def test_workers_that_are_gone_are_told_from_workers_that_cannot_be_asked() -> None:
    fleet = Fleet({"add"})
    offers = Offers(fleet.read)
    assert await offers.check(request("add")) is True
    fleet.workers = None
    assert await offers.check(request("add")) is True
    fleet.workers = []
    assert await offers.check(request("add")) is False


@pytest.mark.usefixtures("always_stale")
async def test_the_memory_is_bounded() -> None:
    offers = Offers(Fleet({"fn"}).read)
    for number in range(module.QUEUES + 10):
        await offers.check(job_request("fn", (), {}, Options(queue=f"q{number}")))
    assert len(offers._queues) == module.QUEUES
