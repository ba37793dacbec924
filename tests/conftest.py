"""Fixtures of all tests: real servers, one set for each xdist worker, and real `jobgate` processes."""

import compileall
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.processes import Processes
from harness.servers import RedisServer
from harness.tools import require_tool, valkey_binary

ROOT = Path(__file__).resolve().parents[1]
#: What the child processes of tests import, besides installed packages.
COMPILED = ("arq_api", "broker", "cli", "client", "gateway", "worker", "examples", "tests/harness")
TIERS = ("unit", "integration", "faults", "interop", "acceptance")
ServerMaker = Callable[..., RedisServer]


def pytest_xdist_auto_num_workers() -> int:
    """Twice as many as cores: most tests wait for processes that start, stop or are killed."""
    return 2 * (os.cpu_count() or 1)


def pytest_configure(config: pytest.Config) -> None:
    """Compile, once, what hundreds of child processes import.

    Where the environment has PYTHONDONTWRITEBYTECODE, each of them would compile all of it for itself, and
    that is a quarter of what it takes to start one.
    """
    if not hasattr(config, "workerinput"):
        for folder in COMPILED:
            compileall.compile_dir(ROOT / folder, quiet=2)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test with its tier, the folder that it lies in, and leave out the long ones."""
    long_too = bool(os.environ.get("JOBGATE_TEST_LONG"))
    for item in items:
        tier = item.path.relative_to(Path(__file__).parent).parts[0]
        if tier in TIERS:
            item.add_marker(tier)
        if item.get_closest_marker("long") and not long_too:
            item.add_marker(pytest.mark.skip(reason="long form: make faults"))


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One Valkey for all tests of this process; use `server` or `redis_url`, they empty it first."""
    server = RedisServer(valkey_binary(), tmp_path_factory.mktemp("valkey")).start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One Redis for all tests of this process; skips, or fails in CI, where there is no redis-server."""
    server = RedisServer(require_tool("redis-server"), tmp_path_factory.mktemp("redis")).start()
    yield server
    server.kill()


@pytest.fixture(params=["valkey", "redis"])
def server(request: pytest.FixtureRequest) -> RedisServer:
    """An empty server that the test may stop, kill and freeze: runs the test on Valkey and on Redis."""
    chosen: RedisServer = request.getfixturevalue(f"{request.param}_server")
    chosen.reset()
    return chosen


@pytest.fixture
def redis_url(valkey_server: RedisServer) -> str:
    """URL of an empty server, for tests to which the kind of server does not matter."""
    valkey_server.reset()
    return valkey_server.url


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[ServerMaker]:
    """Start further servers: `make_server("redis", requirepass="secret")`; `_` in names means `-`."""
    started: list[RedisServer] = []

    def make(kind: str = "valkey", /, **options: str) -> RedisServer:
        binary = valkey_binary() if kind == "valkey" else require_tool("redis-server")
        named = {name.replace("_", "-"): value for name, value in options.items()}
        started.append(RedisServer(binary, tmp_path / f"server-{len(started)}", named))
        return started[-1].start()

    yield make
    for one in started:
        one.kill()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Start `jobgate …` child processes; whatever still runs at the end of the test is killed."""
    started = Processes(tmp_path)
    yield started
    started.end_all()
