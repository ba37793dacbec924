"""The seam for observers: who is called, in which order, and that nothing they do harms a job."""

import logging

import pytest

from harness.systems.runs import running_job
from jobgate.worker.jobs import Observer, Observers, RunningJob


class Noting(Observer):
    def __init__(self, name: str, seen: list[tuple[str, float]]) -> None:
        self.name, self.seen = name, seen

    def job_started(self, job: RunningJob, waited: float) -> None:
        self.seen.append((self.name, waited))


class Broken(Observer):
    def job_started(self, job: RunningJob, waited: float) -> None:
        raise LookupError("broken")

    def lease_lost(self, job: RunningJob) -> None:
        raise LookupError("broken too")


def test_observers_are_called_in_their_order() -> None:
    seen: list[tuple[str, float]] = []
    Observers(Noting("a", seen), Noting("b", seen)).job_started(running_job(), 2.5)
    assert seen == [("a", 2.5), ("b", 2.5)]


def test_each_event_reaches_the_method_of_its_name() -> None:
    events = [name for name in vars(Observer) if not name.startswith("_")]
    assert sorted(vars(Observers())) == sorted(events)


def test_what_an_observer_raises_reaches_nobody_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[tuple[str, float]] = []
    observers = Observers(Broken(), Noting("b", seen))
    with caplog.at_level(logging.ERROR, "jobgate.worker"):
        for _ in range(3):
            observers.job_started(running_job(), 1.0)
            observers.lease_lost(running_job())
    assert seen == [("b", 1.0)] * 3
    assert [record.getMessage() for record in caplog.records] == [
        "Broken.job_started failed, ignored (further failures are not logged)",
        "Broken.lease_lost failed, ignored (further failures are not logged)",
    ]
    assert all(record.exc_info for record in caplog.records)


def test_methods_that_are_not_overridden_are_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    observers = Observers(Noting("a", []))
    called: list[object] = []
    monkeypatch.setattr(Observer, "lease_lost", lambda self, job: called.append(job))
    observers.lease_lost(running_job())
    assert called == []
