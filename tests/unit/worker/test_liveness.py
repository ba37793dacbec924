"""Whether a worker is alive and consumes."""

import logging
import re
import time

import pytest

from jobgate.worker.vitals import Liveness, Pulse
from jobgate.worker.vitals.liveness import CLAIM_STALL, LOOP_STALL


def signs() -> tuple[Pulse, Liveness]:
    pulse = Pulse()
    liveness = Liveness(pulse)
    liveness.started()
    return pulse, liveness


def test_a_loop_that_stands_still_is_not_alive() -> None:
    pulse, liveness = signs()
    assert liveness.verdict().alive
    pulse.last_beat -= LOOP_STALL + 1
    assert not liveness.verdict().alive
    assert "has been blocked" in liveness.verdict().detail


def test_a_worker_that_does_not_claim_is_alive_but_not_consuming() -> None:
    _, liveness = signs()
    liveness.last_round -= CLAIM_STALL + 1
    assert not liveness.verdict().alive
    assert not liveness.consuming()
    liveness.round()
    assert liveness.verdict().alive


def test_redis_being_away_is_no_reason_for_a_restart_but_failing_claims_are() -> None:
    _, liveness = signs()
    liveness.last_claim -= 600
    liveness.last_contact -= 600
    liveness.round()
    assert liveness.verdict().alive
    liveness.contact()
    assert not liveness.verdict().alive
    liveness.claimed()
    assert liveness.verdict().alive


def test_a_stopping_worker_lives_and_does_not_consume() -> None:
    _, liveness = signs()
    liveness.stopping = True
    assert liveness.verdict().alive
    assert not liveness.consuming()


async def test_a_blocked_loop_is_told(caplog: pytest.LogCaptureFixture) -> None:
    pulse, _ = signs()
    pulse.start()
    pulse.last_beat = time.monotonic() - 3
    with caplog.at_level(logging.WARNING, "jobgate.worker"):
        pulse._beat()
    pulse.stop()
    assert re.search(r"blocked for [2-9]", caplog.text)


async def test_the_longest_lag_since_the_last_heartbeat() -> None:
    pulse = Pulse()
    pulse.on_late = lambda lag: None
    pulse.start()
    try:
        pulse.last_beat -= 5
        pulse._beat()
        assert 4 < pulse.take_longest_lag() < 5
        assert pulse.take_longest_lag() < 1
        pulse.last_beat -= 5
        assert pulse.take_longest_lag() > 4, "a block that lasts counts too"
    finally:
        pulse.stop()
