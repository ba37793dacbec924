"""Tokens of claims: who holds a lease, and since when."""

import pytest

from jobgate.broker.bodies.tokens import begun_ms, claim_token, claimed_ms, worker_of


def test_a_token_tells_its_worker_and_its_time() -> None:
    token = claim_token("host.1.ab", 7, 1_700_000_000_123)
    assert (worker_of(token), claimed_ms(token)) == ("host.1.ab", 1_700_000_000_123)


@pytest.mark.parametrize(
    ("token", "worker"),
    [(None, None), ("", None), ("1", None), ("1@5", None), ("w:1", "w"), ("w:1@", "w"), ("w:1@-5", "w"),
     ("w:1@\u0663", "w"), ("w:1@" + "9" * 400, "w")],
)  # fmt: skip
def test_other_tokens_tell_no_time(token: str | None, worker: str | None) -> None:
    assert (worker_of(token), claimed_ms(token)) == (worker, None)


def test_a_job_begins_no_earlier_than_it_was_enqueued_and_due() -> None:
    assert begun_ms(1000, 998, 999) == 1000
    assert begun_ms(1000, 1003, 1002) == 1003
    assert begun_ms(1000, 500_000, 990) == 2000, "a clock that is wrong counts for a moment only"
