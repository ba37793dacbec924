"""`map` passes on the progress that functions report, over both transports, for both faces of the client."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from harness.systems.call_stack import CallStack
from jobgate.client import BlockingClient, Client, JobProgress


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallStack]:
    with CallStack(tmp_path_factory.mktemp("progress")) as running:
        yield running


@pytest.fixture(params=["http", "redis"])
def url(request: pytest.FixtureRequest, stack: CallStack) -> str:
    return stack.url if request.param == "http" else stack.server.url


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    """Files; the function `until` ends when its file is there."""
    return [str(tmp_path / name) for name in "ab"]


class Seen:
    """Takes reports, and lets their jobs end."""

    def __init__(self) -> None:
        self.reports: list[tuple[str, float, str | None]] = []

    def __call__(self, path: str, progress: JobProgress) -> None:
        self.reports.append((path, progress.fraction, progress.message))
        Path(path).touch()


async def test_reports_name_the_item(url: str, paths: list[str]) -> None:
    seen = Seen()
    async with Client(url, registry=CollectorRegistry()) as client:
        assert [one async for one in client.map("until", paths, on_progress=seen)] == paths
    assert sorted(seen.reports) == [(path, 0.5, "half of it") for path in paths]


def test_the_blocking_client(url: str, paths: list[str]) -> None:
    seen = Seen()
    with BlockingClient(url, registry=CollectorRegistry()) as client:
        assert list(client.map("until", paths, on_progress=seen)) == paths
    assert sorted(seen.reports) == [(path, 0.5, "half of it") for path in paths]


async def test_its_errors_are_logged_and_end_the_reports(
    url: str, paths: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(path: str, progress: Any) -> None:
        for each in paths:
            Path(each).touch()
        raise ValueError("of the caller")

    async with Client(url, registry=CollectorRegistry()) as client:
        assert [one async for one in client.map("until", paths, on_progress=fail)] == paths
    (record,) = (one for one in caplog.records if one.name == "jobgate.client")
    assert "on_progress failed" in record.message
    assert "of the caller" in str(record.exc_info)


async def test_jobs_that_end_at_once_are_not_asked(stack: CallStack) -> None:
    def never(number: int, progress: Any) -> None:
        raise AssertionError("nobody asked for this")

    async with Client(stack.url, registry=CollectorRegistry()) as client:
        assert [one async for one in client.map("add", range(40), on_progress=never)] == list(range(1, 41))
