"""What is remembered of the functions that live workers offer, and reads that callers share."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from harness.systems.gateways import catalogue_of
from jobgate.broker import (
    Availability,
    BrokerUnavailable,
    DecodeError,
    FunctionDocument,
    LiveFunction,
    LiveFunctions,
    NotAQueue,
    Parameter,
    SharedReads,
    WorkerRecord,
)
from jobgate.broker.catalogue import Catalogue
from jobgate.broker.fleet.live_functions import MOST_QUEUES

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


def described(name: str, **members: Any) -> FunctionDocument:
    return FunctionDocument(name=name, parameters=(Parameter(name="a"),), **members)


ADD, OTHER_ADD = described("add"), described("add", timeout=5)


def offering(*documents: FunctionDocument) -> Catalogue:
    return Catalogue({one.name: one for one in documents})


async def test_documents_are_known_by_queue_one_for_each_version() -> None:
    fleet = Fleet()
    live = fleet.live_functions()
    assert live.documents("add", Q) == ()
    fleet.start(offering(ADD, described("sub")))
    fleet.start(offering(ADD))
    await live.find("add", Q)
    assert live.documents("add", Q) == (ADD,)
    assert live.documents("nope", Q) == live.documents("add", "other") == ()
    fleet.start(offering(OTHER_ADD))
    await live.find("add", Q)
    both = tuple(sorted((ADD, OTHER_ADD), key=lambda one: one.digest))
    assert live.documents("add", Q) == both
    del fleet.workers[:2]
    await live.find("add", Q)
    assert live.documents("add", Q) == (OTHER_ADD,)
    assert live.documents("sub", Q) == ()


async def test_a_catalogue_is_read_once() -> None:
    fleet = Fleet({"add"}, {"add"})
    live = fleet.live_functions()
    for queue in (Q, Q, "other"):
        await live.find("add", queue)
    assert len(fleet.fetched) == 1
    fleet.start(catalogue_of("sub"))
    await live.find("add", Q)
    assert len(fleet.fetched) == 2


async def test_nothing_is_refused_while_a_live_worker_s_functions_are_not_known() -> None:
    fleet = Fleet()
    live = fleet.live_functions()
    fleet.start(offering(ADD))
    lost = catalogue_of("sub")
    fleet.workers.append(lost)
    assert await live.find("nope", Q) is Availability.POSSIBLE
    assert await live.find("add", Q) is Availability.OFFERED
    assert live.documents("add", Q) == (), "the other worker may have another version"
    fleet.published[digest_of(lost)] = lost
    assert await live.find("nope", Q) is Availability.UNKNOWN
    assert live.documents("add", Q) == (ADD,)
    fleet.workers.append(Catalogue({}))  # it publishes nothing
    assert await live.find("nope", Q) is Availability.POSSIBLE


async def test_a_worker_that_announced_its_functions_has_been_seen_even_if_they_could_not_be_read() -> None:
    fleet = Fleet({"add"})
    fleet.published.clear()
    live = fleet.live_functions()
    assert await live.find("add", Q) is Availability.POSSIBLE
    fleet.workers.clear()
    assert await live.find("add", Q) is Availability.NO_WORKERS


async def test_a_catalogue_of_which_something_was_left_out_may_hold_more() -> None:
    fleet = Fleet({"add"})
    (digest,) = fleet.published
    fleet.published[digest] = Catalogue({"add": ADD}, is_whole=False)
    live = fleet.live_functions()
    assert await live.find("nope", Q) is Availability.POSSIBLE
    assert live.documents("add", Q) == (ADD,)


async def test_one_that_cannot_be_read_is_not_read_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = Fleet({"add"})
    live = fleet.live_functions()

    async def unreadable(digest: str) -> Catalogue | None:
        fleet.fetched.append(digest)
        raise DecodeError("spoilt")

    live = LiveFunctions(fleet.read, unreadable)
    for _ in range(5):
        assert await live.find("add", Q) is Availability.POSSIBLE
    assert len(fleet.fetched) == 1
    monkeypatch.setattr("jobgate.broker.fleet.catalogues.monotonic", lambda: time.monotonic() + 11)
    await live.find("add", Q)
    assert len(fleet.fetched) == 2


async def test_a_digest_that_is_none_is_not_asked_for() -> None:
    fleet = Fleet({"add"})

    async def read(queue: str) -> Sequence[WorkerRecord]:
        odd = ("", "x", "F" * 64, "0" * 63, "../" * 30, "0" * 64 + "\n")
        return [replace(record(queue, "w", fleet.workers[0]), catalogue=one) for one in odd]

    live = LiveFunctions(read, fleet.catalogue)
    assert await live.find("add", Q) is Availability.POSSIBLE
    assert fleet.fetched == []


@pytest.mark.parametrize(
    ("catalogues", "limit", "most"),
    [
        ([Catalogue({"f": FunctionDocument(name="f", timeout=n)}) for n in range(70)], "CATALOGUES", 64),
        ([catalogue_of(*(f"f{n}.{m}" for m in range(50))) for n in range(4)], "FUNCTIONS", 150),
        ([Catalogue({f"f{n}": described(f"f{n}")}, weight=100) for n in range(4)], "WEIGHT", 300),
    ],
)
async def test_remembered_catalogues_are_bounded(
    monkeypatch: pytest.MonkeyPatch, catalogues: list[Catalogue], limit: str, most: int
) -> None:
    monkeypatch.setattr(f"jobgate.broker.fleet.catalogues.MOST_{limit}", most)
    fleet = Fleet()
    for catalogue in catalogues:
        fleet.start(catalogue)
    live = fleet.live_functions()
    for _ in range(3):
        assert await live.find("nope", Q) is Availability.POSSIBLE
    assert len(fleet.fetched) == len(catalogues), "none is read twice"
    fleet.workers = catalogues[-1:]
    for later in (11, 22):  # the first read still finds those that are gone in use, and pauses again
        now = time.monotonic() + later
        monkeypatch.setattr("jobgate.broker.fleet.catalogues.monotonic", lambda now=now: now)
        found = await live.find("nope", Q)
    assert found is Availability.UNKNOWN, "those that are gone make room"


async def test_all_functions_with_their_queues_and_workers() -> None:
    fleet, other = Fleet({"sub"}), Fleet()
    fleet.start(offering(ADD))
    other.start(offering(OTHER_ADD))
    fleet.published |= other.published

    async def read(queue: str) -> Sequence[WorkerRecord]:
        records = [*await fleet.read(queue)]
        if queue == "b":  # another worker, and the first one serves this queue, too
            records = [replace(one, worker_id="w9") for one in await other.read(queue)] + records[:1]
        return records

    live = LiveFunctions(read, fleet.catalogue)
    assert live.all_functions() == {}
    for queue in ("b", "a"):
        await live.find("add", queue)
    found = live.all_functions()
    assert list(found) == ["add", "sub"]
    assert found["add"] == LiveFunction(
        name="add",
        documents=tuple(sorted((ADD, OTHER_ADD), key=lambda one: one.digest)),
        queues=("a", "b"),
        workers=2,
    )
    assert (found["sub"].queues, found["sub"].workers) == (("a", "b"), 1)


async def test_the_version_changes_with_the_functions_and_is_the_same_elsewhere() -> None:
    fleet = Fleet()
    live = fleet.live_functions()
    versions = [live.version]
    for change in (
        lambda: fleet.start(offering(ADD)),
        lambda: fleet.start(offering(OTHER_ADD)),
        lambda: fleet.workers.pop(0),
        fleet.workers.clear,
    ):
        change()
        await live.find("add", Q)
        versions.append(live.version)
    assert len(set(versions)) == 4
    assert versions[0] == versions[-1], "there is nothing again"
    fleet.start(offering(ADD))
    fleet.start(offering(ADD))
    other = fleet.live_functions()
    for each in (live, other):
        await each.find("add", Q)
    assert live.version == other.version == versions[1], "the number of workers does not count"
    await other.find("add", "other")
    assert live.version != other.version


async def test_queues_that_nobody_asks_about_are_read_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet, read = Fleet({"add"}), Counter[str]()

    async def read_workers(queue: str) -> Sequence[WorkerRecord]:
        read[queue] += 1
        return await fleet.read(queue)

    async def find_served(known: Sequence[str]) -> Sequence[str]:
        read["looks"] += 1
        return [] if "mail" in known else ["mail"]

    live = LiveFunctions(read_workers, fleet.catalogue)
    live.begin_to_watch([Q], find_served)
    watching = asyncio.create_task(live.watch(every=0))
    while read[Q] < 20:
        await asyncio.sleep(0)
    await live.be_sure()
    assert (read["looks"], read["mail"]) == (1, 1)
    assert live.remembered("add", "mail") is None, "it may be old"
    assert await live.find("add", "mail") is Availability.OFFERED
    while read["mail"] < 10:
        await asyncio.sleep(0)
    assert live.remembered("add", "mail") is Availability.OFFERED
    watching.cancel()
    assert read["looks"] == 1
    monkeypatch.setattr("jobgate.broker.fleet.live_functions._READ_EVERY", 0.0)
    await live.be_sure()
    assert read["looks"] == 2, "an answer depends on it"
    fleet.error = BrokerUnavailable("away")
    await live.be_sure()
