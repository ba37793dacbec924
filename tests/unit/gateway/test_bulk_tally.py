"""How far an operation on many jobs is, as it is stored and shown."""

from jobgate.gateway.operations.actions import ERROR, UNKNOWN
from jobgate.gateway.operations.bulk_order import BulkKind
from jobgate.gateway.operations.tally import Tally


def test_a_result_lists_the_first_errors_and_counts_all() -> None:
    tally = Tally(until_ms=0, total=30)
    for number in range(25):
        tally.note(f"j{number}", ERROR, f"reason {number}")
    tally.note("gone", UNKNOWN)
    tally.note("good", "")
    result = tally.result(BulkKind.RETRY, limit=1)
    assert result.pop("errors") == [{"job_id": f"j{at}", "detail": f"reason {at}"} for at in range(20)]
    skipped = {"error": 25, "unknown": 1}
    assert result == {"matched": 27, "retried": 1, "skipped": skipped, "limit_reached": True}


def test_a_stored_tally_is_read_and_anything_else_is_none() -> None:
    tally = Tally(until_ms=5, total=10, cursor="w1", looked_at=20, skipped={"unknown": 1})
    assert Tally.read(tally.stored) == tally
    assert tally.fraction == 1.0, "jobs may come after the count"
    assert Tally.read(None) is None
    assert Tally.read({"total": 1, "more": 2}) is None
