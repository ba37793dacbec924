"""What a worker does, as it is stored: bounded, and read whatever is in its place."""

import orjson
import pytest

from jobgate.broker import RunningTry, WorkerVitals
from jobgate.broker.bodies import LARGEST_VITALS, encode_worker_vitals, worker_vitals
from jobgate.broker.bodies.worker_records import heartbeat_ms, worker_record


def test_they_are_read_as_they_were_written() -> None:
    vitals = WorkerVitals(
        lag=0.25, memory=5, in_progress=2, running=[RunningTry("a", "f", 1), RunningTry("ü\n", None, None)]
    )
    assert worker_vitals(encode_worker_vitals(vitals)) == vitals
    assert worker_vitals(encode_worker_vitals(WorkerVitals())) == WorkerVitals(running=[])


def test_a_name_that_is_too_long_hides_no_other_job() -> None:
    running = [RunningTry("x" * 100_000, "f", 1), RunningTry("a", "f", 2)]
    assert worker_vitals(encode_worker_vitals(WorkerVitals(running=running))).running == running[1:]


def test_an_id_that_is_not_utf_8_is_shown_as_near_as_json_can() -> None:
    job_id = b"a\xff".decode(errors="surrogateescape")
    found = worker_vitals(encode_worker_vitals(WorkerVitals(running=[RunningTry(job_id, job_id, 1)])))
    assert found.running == [RunningTry("a?", "a?", 1)]


@pytest.mark.parametrize("text", ["x", "\0", "ü", '"'])
@pytest.mark.parametrize("length", [1, 300, 1_000_000])
def test_they_do_not_grow_with_the_jobs_or_their_ids(text: str, length: int) -> None:
    running = [RunningTry(text * length, text * length, 2**53)] * 1000
    stored = encode_worker_vitals(WorkerVitals(running=running))
    assert len(stored) < LARGEST_VITALS
    assert len(worker_vitals(stored).running) == {1: 50, 300: 27, 1_000_000: 0}[length]


OTHERS = [
    b"", b"\xff", b"{", b"[]", b"1", b"null", b"{}", b'{"running":{}}',
    b'{"running":"x","lag":"1","memory":1.5}',
    b'{"lag":-1,"memory":true,"running":[1,[],["a","f"],[1,"f",1],["a",1,1],["a","f","1"],["a","f",true],{}]}',
    b'{"lag":true,"memory":-1,"running":[["a","f",1.5],["a","f",-1],["a","f",1,1]]}',
]  # fmt: skip


@pytest.mark.parametrize("stored", OTHERS)
def test_what_another_program_wrote_counts_as_unknown(stored: bytes) -> None:
    found = worker_vitals(stored)
    assert (found.lag, found.memory, list(found.running)) == (None, None, [])


def test_of_many_jobs_only_the_first_are_read() -> None:
    stored = orjson.dumps({"running": [["a", None, 1]] * 1000})
    assert len(worker_vitals(stored).running) == 50


@pytest.mark.parametrize(
    ("stored", "moment"),
    [(b"17 {}", 17), (b"{}", None), (b" {}", None), (b"-1 {}", None), (b"1.5 {}", None), (b"9" * 5000, None),
     ("²".encode() + b" {}", None)],
)  # fmt: skip
def test_the_time_of_a_heartbeat(stored: bytes, moment: int | None) -> None:
    assert heartbeat_ms(stored) == moment


def test_records_of_earlier_and_later_releases_are_read() -> None:
    earlier = {
        "worker_id": "w", "host": "h", "pid": 1, "queues": ["q"], "max_jobs": 1, "in_progress": 0,
        "complete": 1, "failed": 2, "retried": 3, "start_time_ms": 4,
    }  # fmt: skip
    found = worker_record(b"1 " + orjson.dumps(earlier))
    assert found is not None
    assert (found.version, found.catalogue) == (None, None)
    later = worker_record(b"1 " + orjson.dumps(earlier | {"version": "9", "new": {}}))
    assert later is not None
    assert later.version == "9"
    assert worker_record(b"1 " + orjson.dumps(earlier | {"version": 9})) is None
