"""Counts in memory that processes share: sums, successors, and what ends with a process."""

import os
from collections.abc import Iterator

import pytest

from jobgate.gateway.counts import HostCounts, Occupancy, anonymous_file, wipe_passing
from jobgate.gateway.counts.table import SIZE, Table
from jobgate.gateway.metrics import BUCKETS, Meter


@pytest.fixture
def file() -> Iterator[int]:
    """The memory of three processes."""
    descriptor = anonymous_file(3)
    yield descriptor
    os.close(descriptor)


def lines(meter: Meter) -> list[str]:
    return meter.exposition(None, waits=0, streams=0).decode().splitlines()


def test_whichever_process_is_asked_shows_the_sums(file: int) -> None:
    meters = [Meter(HostCounts(file, 3, number)) for number in (1, 2, 3)]
    for at, meter in enumerate(meters):
        for _ in range(10**at):
            meter.request("enqueue", 202, 0.002)
            meter.enqueued("f", {"f"}, f"queue-{at}")
        meter.malformed()
    for meter in meters:
        shown = lines(meter)
        assert 'jobgate_gateway_requests_total{route="enqueue",status="202"} 111.0' in shown
        assert 'jobgate_gateway_request_duration_seconds_bucket{le="0.001",route="enqueue"} 0.0' in shown
        assert 'jobgate_gateway_request_duration_seconds_bucket{le="0.0025",route="enqueue"} 111.0' in shown
        assert 'jobgate_gateway_enqueued_total{function="f"} 111.0' in shown
        assert "jobgate_gateway_malformed_requests_total 3.0" in shown
        assert meter.shown_queues() == ["queue-0", "queue-1", "queue-2"]


def test_names_that_callers_make_up_leave_no_served_queue_out(file: int) -> None:
    meters = [Meter(HostCounts(file, 3, number)) for number in (1, 2, 3)]
    for at, meter in enumerate(meters):
        for number in range(200):
            meter.enqueued("f", set(), f"made-up-{at}-{number}")
    meters[2].show_queue("mail")
    shown = meters[0].shown_queues(["mail"])
    assert shown[0] == "mail"
    assert len(shown) == len(set(shown)) == 201


def test_names_from_outside_leave_room_for_functions(file: int) -> None:
    for start in range(2):  # a successor knows what was named before
        meter = Meter(HostCounts(file, 3, 1))
        for number in range(70_000):
            meter.show_queue(f"made-up-{start}-{number}")
            name = f"f-{start}-{number}"
            meter.enqueued(name, {name}, "mail")
    names = [name for name in HostCounts(file, 3, 2).totals() if name[0] in ("queue", "enqueued")]
    assert len(names) <= 200 + 5001
    assert 'jobgate_gateway_enqueued_total{function="other"} 135000.0' in lines(meter), "none is lost"
    meter.request("enqueue", 202, 0.0)
    assert 'jobgate_gateway_requests_total{route="enqueue",status="202"} 1.0' in lines(meter)


def test_a_successor_continues_the_counts_of_a_process_and_holds_nothing_of_it(file: int) -> None:
    first, other = HostCounts(file, 3, 1), HostCounts(file, 3, 2)
    Meter(first).request("jobs", 200, BUCKETS[-1] + 1)
    Occupancy(first, "waits").add(2, "key")
    first.note_serving()
    assert Occupancy(other, "waits").taken() == Occupancy(other, "waits").taken("key") == 2
    assert [*other.pids] == [1]
    wipe_passing(file, 3, 1)
    assert Occupancy(other, "waits").taken() == Occupancy(other, "waits").taken("key") == 0
    assert [*other.pids] == []
    successor = HostCounts(file, 3, 1)
    Meter(successor).request("jobs", 200, 0.0)
    assert 'jobgate_gateway_requests_total{route="jobs",status="200"} 2.0' in lines(Meter(other))
    assert other.starts == {1: 2, 2: 1, 3: 0}


def test_places_are_counted_in_all_processes_and_by_caller(file: int) -> None:
    here, there = (Occupancy(HostCounts(file, 3, number), "waits") for number in (1, 3))
    here.add(1, "a")
    there.add(1, "a")
    there.add(1)
    assert (here.taken(), here.taken("a"), here.taken("b")) == (3, 2, 0)
    there.add(-1, "a")
    assert (there.taken(), there.taken("a")) == (2, 1)


def test_a_full_table_counts_no_further_names() -> None:
    table = Table(memoryview(bytearray(SIZE)))
    for number in range(70_000):
        table.values[table.place((f"name-{number}",))] += 1
    table.values[table.place(("name-7",))] += 1
    found = dict(table.items())
    assert 65_000 < len(found) < 65_536
    assert {values[0] for name, values in found.items() if name != ("name-7",)} == {1.0}
    assert found["name-7",] == [2.0]
    assert table.value(("name-69999",)) == 0.0


def test_names_are_bounded_in_length() -> None:
    table = Table(memoryview(bytearray(SIZE)))
    table.values[table.place(("x" * 100_000,))] += 1
    assert [*table.items()] == []
