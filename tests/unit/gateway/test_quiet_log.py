"""Logs that do not flood."""

import logging

import pytest

from jobgate.gateway.http.quiet_log import SparseLog, StateLog


def test_scanners_and_outages_do_not_flood_the_log(caplog: pytest.LogCaptureFixture) -> None:
    log = SparseLog(logging.getLogger("jobgate.gateway"), limit=3)
    with caplog.at_level("WARNING"):
        for _ in range(1000):
            log.line("malformed request from %s: %s", "127.0.0.1", "BadStatusLine")
    assert 3 <= len(caplog.records) <= 6  # the second may have changed in between
    assert "malformed request from 127.0.0.1: BadStatusLine" in caplog.text


def test_a_trouble_is_logged_once_until_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    log = StateLog(logging.getLogger("jobgate.gateway"))
    with caplog.at_level("INFO"):
        log.over("ready again")
        for _ in range(2):
            for _ in range(3):
                log.trouble("not ready: %s", "away")
            log.over("ready again")
            log.over("ready again")
    assert [record.getMessage() for record in caplog.records] == ["not ready: away", "ready again"] * 2
