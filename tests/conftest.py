"""Fixtures of all tests: real servers, one set for each xdist worker, and real `jobgate` processes."""

import compileall
import gc
import itertools
import logging
import os
import signal
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from _pytest.assertion import rewrite

from harness.forms import LONG
from harness.processes.commands import Processes
from harness.servers.redis_server import RedisServer
from harness.tools import require_tool, valkey_binary

ROOT = Path(__file__).resolve().parents[1]
#: What the child processes of tests import, besides installed packages.
COMPILED = ("arq_api", "broker", "cli", "client", "gateway", "testing", "worker", "examples", "tests/harness")
TIERS = ("unit", "integration", "faults", "interop", "acceptance")
ServerMaker = Callable[..., RedisServer]


def pytest_xdist_auto_num_workers() -> int:
    """Three times as many as cores: most tests wait for processes that start, stop or are killed."""
    return 3 * (os.cpu_count() or 1)


def pytest_configure(config: pytest.Config) -> None:
    """Prepare, once, what all parallel processes and their hundreds of children need."""
    if hasattr(config, "workerinput"):
        os.environ.pop("PYTEST_PLUGINS", None)
        return
    if config.option.numprocesses:
        # xdist brings the plugins of `-p` into its processes only after these have read our settings of them.
        os.environ["PYTEST_PLUGINS"] = ",".join(name for name in config.option.plugins if ":" not in name)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # As a shell's `&` leaves it. Children would ignore Ctrl-C too, and some are to end by it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    _compile(config)


def _compile(config: pytest.Config) -> None:
    """Compile the tests and what child processes import.

    Else each parallel process would rewrite the assertions of all tests for itself. And where the environment
    has PYTHONDONTWRITEBYTECODE, each child would compile all of jobgate, and what an installer other than pip
    has left: half of what it takes to start.
    """
    for folder in COMPILED:
        compileall.compile_dir(ROOT / folder, quiet=2)
    if sys.dont_write_bytecode:
        compileall.compile_dir(sysconfig.get_path("purelib"), quiet=2)
    if config.option.numprocesses:
        for path in Path(__file__).parent.rglob("test_*.py"):
            _compile_test(path, config)


def _compile_test(path: Path, config: pytest.Config) -> None:
    """Rewrite a test's assertions where pytest looks for it."""
    compiled = rewrite.get_cache_dir(path) / f"{path.stem}{rewrite.PYC_TAIL}"
    if rewrite._read_pyc(path, compiled) is None:
        source, code = rewrite._rewrite_test(path, config)
        compiled.parent.mkdir(exist_ok=True)
        rewrite._write_pyc(config.stash[rewrite.assertstate_key], code, source, compiled)


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """Thousands of tests are to stay: the garbage collector need not look at them, again and again."""
    gc.disable()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """From here on it looks at what the tests make."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test with its tier, leave out the long ones, and put first what takes longest."""
    for item in items:
        tier = item.path.relative_to(Path(__file__).parent).parts[0]
        if tier in TIERS:
            item.add_marker(tier)
        if item.get_closest_marker("long") and not LONG:
            item.add_marker(pytest.mark.skip(reason="long form: make faults"))
    items[:] = _early_first(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def _early_first(items: list[pytest.Item], processes: int) -> list[pytest.Item]:
    """Deal files marked `early` to the parallel processes, each of which takes an equal part of the list."""
    early = [item for item in items if item.get_closest_marker("early")]
    others = iter([item for item in items if not item.get_closest_marker("early")])
    files = [list(tests) for _, tests in itertools.groupby(early, lambda item: item.path)]
    parts: list[list[pytest.Item]] = []
    for number in range(processes):
        hand = [item for file in files[number::processes] for item in file]
        size = (len(items) - sum(len(part) for part in parts)) // (processes - number)
        parts.append([*hand, *itertools.islice(others, max(size - len(hand), 0))])
    return [*itertools.chain.from_iterable(parts), *others]


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Undo what a command in a test has set up: its level and handlers would be those of later tests."""
    logger = logging.getLogger("jobgate")
    before = logger.level, logger.propagate, list(logger.handlers)
    yield
    level, logger.propagate, logger.handlers[:] = before
    logger.setLevel(level)


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
