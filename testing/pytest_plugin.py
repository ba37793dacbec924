"""The plugin that pytest loads wherever jobgate is installed: it imports nothing until a fixture is used."""

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from jobgate.testing import require_extra

if TYPE_CHECKING:
    from jobgate.client import BlockingClient, Client
    from jobgate.testing.environment import Environment
    from jobgate.testing.runs import ManualWorker
    from jobgate.testing.servers import GatewayInTest

_MARK = (
    "jobgate(path, settings=..., **overrides): the worker settings of this test, by their import path or as "
    "settings=WorkerSettings, and settings that override them"
)

#: The advice to a test whose call had no result in time, most often because it does not run the worker.
_NOTHING_RUNS = (
    "In a test, jobs run only in run_jobs(), pass_time() and drain() of jobgate_worker. "
    "For code that waits for a result: with jobgate_worker.running(): ..."
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of the configuration file."""
    parser.addini("jobgate_settings", "The worker settings of tests, such as my_jobs.WorkerSettings")


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", _MARK)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say what makes jobs run, where a test waited for a result in vain."""
    report = yield
    if call.excinfo is not None and "jobgate_environment" in getattr(item, "funcargs", {}):
        from jobgate.client import ResultTimeout

        if call.excinfo.errisinstance(ResultTimeout):
            report.sections.append(("jobgate", _NOTHING_RUNS))
    return report


def _require_extra() -> None:
    try:
        require_extra()
    except ModuleNotFoundError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def jobgate_redis_url() -> Iterator[str]:
    """URL of the Redis server of the tests: by default an embedded one, for each process its own.

    Override it to use another server. Give the tests a database of their own there.
    """
    _require_extra()
    from jobgate.testing.errors import TestingError
    from jobgate.testing.servers import SHARED_SERVER

    try:
        url = SHARED_SERVER.url()
    except TestingError as error:
        pytest.fail(str(error), pytrace=False)
    yield url
    SHARED_SERVER.stop()


@pytest.fixture
def jobgate_settings(request: pytest.FixtureRequest) -> Any:
    """The worker settings: those of the mark `jobgate`, else of the option `jobgate_settings`, else None.

    Override it to make them in another way.
    """
    for mark in request.node.iter_markers("jobgate"):
        if mark.args or "settings" in mark.kwargs:
            return mark.args[0] if mark.args else mark.kwargs["settings"]
    return request.config.getini("jobgate_settings") or None


@pytest.fixture
def jobgate_namespace() -> str | None:
    """Prefix of all keys of the test in Redis; None = a new one for each test."""
    return None


@pytest.fixture
def jobgate_environment(
    request: pytest.FixtureRequest,
    jobgate_redis_url: str,
    jobgate_settings: Any,
    jobgate_namespace: str | None,
) -> Iterator["Environment"]:
    """What the other fixtures are made of: `jobgate.testing.Environment`."""
    _require_extra()
    from jobgate.testing.environment import Environment
    from jobgate.testing.errors import TestingError
    from jobgate.worker import WorkerError

    overrides: dict[str, Any] = {}
    for mark in request.node.iter_markers("jobgate"):
        overrides = {**mark.kwargs, **overrides}
    overrides.pop("settings", None)
    try:
        environment = Environment(
            jobgate_settings, redis_url=jobgate_redis_url, namespace=jobgate_namespace, **overrides
        )
    except (TestingError, WorkerError) as error:
        if error.__cause__ is not None:  # such as an error in the user's own module
            raise
        pytest.fail(str(error), pytrace=False)
    with environment:
        yield environment


@pytest.fixture
def jobgate_worker(jobgate_environment: "Environment") -> "ManualWorker":
    """Runs jobs on request, moves the time, and knows what was enqueued."""
    return jobgate_environment.worker


@pytest.fixture
def jobgate_client(jobgate_environment: "Environment") -> "Client":
    """A `Client` straight through Redis, for tests with an event loop. It need not be closed."""
    return jobgate_environment.client


@pytest.fixture
def jobgate_blocking_client(jobgate_environment: "Environment") -> "BlockingClient":
    """A `BlockingClient` straight through Redis."""
    return jobgate_environment.blocking_client


@pytest.fixture
def jobgate_gateway(jobgate_environment: "Environment") -> "GatewayInTest":
    """A real gateway in this process; `jobgate_gateway.url` is for HTTP clients of any kind."""
    return jobgate_environment.gateway
