"""What is remembered of the functions that live workers offer, and reads that callers share."""

import asyncio
from collections.abc import Sequence

import pytest

from harness.gateways import catalogue_of
from jobgate.broker import (
    Availability,
    BrokerUnavailable,
    Catalogue,
    LiveFunctions,
    NotAQueue,
    SharedReads,
    WorkerRecord,
)
from jobgate.broker.views.live_functions import MOST_QUEUES

Q = "arq:queue"


class Fleet:
    """Workers that a test starts and stops."""

    def __init__(self, *workers: set[str]) -> None:
        self.workers = [catalogue_of(*names) for names in workers]
        self.error: Exception | None = None
        self.reads = 0
        #: Digests of the catalogues that were read.
        self.fetched: list[str] = []
        self.published = {digest_of(one): one for one in self.workers}

    def live_functions(self) -> LiveFunctions:
        return LiveFunctions(self.read, self.catalogue)

    def start(self, worker: Catalogue) -> None:
        self.workers.append(worker)
        self.published[digest_of(worker)] = worker

    async def read(self, queue: str) -> Sequence[WorkerRecord]:
        self.reads += 1
        if self.error is not None:
            raise self.error
        return [record(queue, f"w{number}", one) for number, one in enumerate(self.workers)]

    async def catalogue(self, digest: str) -> Catalogue | None:
        self.fetched.append(digest)
        return self.published.get(digest)


def digest_of(catalogue: Catalogue) -> str:
    return catalogue.encode()[0]


def record(queue: str, worker_id: str, catalogue: Catalogue) -> WorkerRecord:
    return WorkerRecord(
        worker_id=worker_id,
        host="h",
        pid=1,
        queues=[queue],
        max_jobs=1,
        in_progress=0,
        complete=0,
        failed=0,
        retried=0,
        start_time_ms=0,
        catalogue=digest_of(catalogue) if catalogue.functions else None,
    )


async def test_an_answer_may_have_an_age() -> None:
    fleet = Fleet({"add"})
    live = fleet.live_functions()
    for _ in range(10):
        assert await live.find("add", Q, max_age=60) is Availability.OFFERED
    assert fleet.reads == 1
    assert await live.find("add", Q) is Availability.OFFERED
    assert fleet.reads == 2


async def test_a_function_that_no_live_worker_offers_is_unknown() -> None:
    live = Fleet({"add", "echo"}, {"sub"}).live_functions()
    assert await live.find("ad", Q) is Availability.UNKNOWN
    assert live.names == {"add", "echo", "sub"}


async def test_workers_that_publish_nothing_may_offer_everything() -> None:
    for fleet, found in ((Fleet(), Availability.UNPUBLISHED), (Fleet(set()), Availability.POSSIBLE)):
        live = fleet.live_functions()
        assert await live.find("anything", Q) is found
        assert not live.any_published


async def test_workers_that_are_gone_are_told_from_workers_that_cannot_be_asked() -> None:
    fleet = Fleet({"add"})
    live = fleet.live_functions()
    assert await live.find("add", Q) is Availability.OFFERED
    fleet.error = BrokerUnavailable("away")
    with pytest.raises(BrokerUnavailable):
        await live.find("add", Q)
    fleet.error = NotAQueue("forbidden")
    assert await live.find("add", Q) is Availability.OFFERED
    fleet.error, fleet.workers = None, []
    assert await live.find("add", Q) is Availability.NO_WORKERS
    assert live.any_published
    assert live.names == frozenset()


async def test_the_memory_is_bounded() -> None:
    fleet = Fleet({"fn"})
    live = fleet.live_functions()
    for number in range(MOST_QUEUES + 10):
        assert await live.find("fn", f"q{number}") is Availability.OFFERED
    assert live.queues == tuple(f"q{number}" for number in range(MOST_QUEUES))


async def test_made_up_queues_make_room_for_queues_with_workers() -> None:
    fleet = Fleet()
    live = fleet.live_functions()
    live.begin_to_watch([Q])
    for number in range(MOST_QUEUES + 10):
        await live.find("fn", f"made-up-{number}")
    before = live.queues
    fleet.start(catalogue_of("fn"))
    await live.find("fn", "late")
    assert (before, live.queues) == ((Q,), (Q, "late"))


async def test_only_watched_queues_are_remembered_for_requests() -> None:
    fleet = Fleet()
    live = fleet.live_functions()
    live.begin_to_watch([Q])
    assert live.remembered("fn", Q) is None, "it has not been read"
    await live.find("fn", Q)
    await live.find("fn", "made-up")
    assert live.remembered("fn", Q) is Availability.UNPUBLISHED
    assert live.remembered("fn", "made-up") is None


async def test_watching_reads_again_and_survives_outages() -> None:
    fleet = Fleet()
    fleet.error = BrokerUnavailable("away")
    live = fleet.live_functions()
    live.begin_to_watch([Q])
    watching = asyncio.create_task(live.watch(every=0.001))
    while fleet.reads < 2:
        await asyncio.sleep(0)
    fleet.error = None
    fleet.start(catalogue_of("fn"))
    while live.remembered("fn", Q) is not Availability.OFFERED:
        await asyncio.sleep(0)
    watching.cancel()


async def test_a_shared_read_begins_after_the_question() -> None:
    reads: SharedReads[str, int] = SharedReads()
    begun, gate = 0, asyncio.Event()

    async def read() -> int:
        nonlocal begun
        begun += 1
        number = begun
        await gate.wait()
        return number

    first = asyncio.create_task(reads.read("k", read))
    await asyncio.sleep(0)
    later = [asyncio.create_task(reads.read("k", read)) for _ in range(3)]
    other = asyncio.create_task(reads.read("other", read))
    await asyncio.sleep(0)
    later[0].cancel()
    gate.set()
    assert await first == 1
    assert await other == 2
    assert [await each for each in later[1:]] == [3, 3]
    assert await reads.read("k", read) == 4


async def test_what_was_known_counts_for_a_while_when_redis_does_not_answer() -> None:
    fleet = Fleet({"add"})
    live = fleet.live_functions()
    await live.find("add", Q)
    fleet.error = BrokerUnavailable("away")
    with pytest.raises(BrokerUnavailable):
        await live.find("ad", Q)
    assert live.settle_for_known("ad", Q) is Availability.UNKNOWN
    reads = fleet.reads
    assert await live.find("ad", Q, max_age=60) is Availability.UNKNOWN
    assert fleet.reads == reads, "Redis is not asked again"
    assert live.settle_for_known("add", "never-read") is Availability.UNPUBLISHED


async def test_names_are_known_by_queue() -> None:
    live = Fleet({"add"}).live_functions()
    await live.find("add", Q)
    assert live.names_on(Q) == {"add"}
    assert live.names_on("other") == frozenset()
