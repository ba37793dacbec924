"""Real input: the words of the standard library, counted by jobs for callers in three languages.

The short form takes one file of each five, the long form all.
"""

import asyncio
import os
import subprocess
import sysconfig
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from harness.forms import LONG
from harness.processes.commands import REPOSITORY, Processes
from harness.systems.ledger import Ledger
from harness.systems.system import System, whole_system
from harness.tools import require_tool
from jobgate.client import Client

HERE = Path(__file__).parent
#: Files that one wc is asked about: an argument list has an end.
BATCH = 500
#: Calls of the Python client at one time.
CALLS = 16
#: One file of so many is taken.
STEP = 1 if LONG else 8

Words = dict[str, int]


def library() -> list[str]:
    """Python files of the standard library, its tests too, in three mixed shares one after the other."""
    root = Path(sysconfig.get_path("stdlib"))
    inside = {path for path in root.rglob("*.py") if "site-packages" not in path.parts}
    return sorted(str(path) for path in inside if path.is_file())[::STEP]


def wc(paths: list[str]) -> Words:
    """What `wc -w` says. It has to know UTF-8: in the C locale there are no letters beyond ASCII."""
    texts = [path for path in paths if is_text(path)]
    counted: Words = {}
    for start in range(0, len(texts), BATCH):
        for line in run_wc("--", *texts[start : start + BATCH]).splitlines():
            number, _, path = line.strip().partition(" ")
            counted[path] = int(number)
        counted.pop("total", None)
    for path in set(paths).difference(texts):
        # Whether bytes that are no text make words is not the same in all releases: wc does not see them.
        counted[path] = int(run_wc(text=Path(path).read_text("utf-8", errors="ignore")))
    return counted


def is_text(path: str) -> bool:
    try:
        Path(path).read_text("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def run_wc(*words: str, text: str | None = None) -> str:
    command = [require_tool("wc"), "-w", *words]
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command, input=text, env=environment, capture_output=True, encoding="utf-8", check=True
    )
    return done.stdout


async def count_by_program(
    system: System, processes: Processes, argv: list[str], paths: list[str], folder: Path
) -> Words:
    """Let a program count, and note in the ledger what it says that it was answered."""
    share = folder / f"{Path(argv[-1]).name}.paths"
    share.write_text("".join(f"{path}\n" for path in paths))
    program, *words = argv
    process = processes.start(*words, system.url, str(share), program=program, cwd=REPOSITORY)
    code = await asyncio.to_thread(process.wait, 200)
    assert code == 0, process.log[-2000:]
    return read_report(process.log, system.done)


def read_report(report: str, done: Ledger) -> Words:
    counted: Words = {}
    for line in report.splitlines():
        kind, first, second = line.split("\t")
        if kind == "answered":
            done.answered(first, int(second))
        else:
            counted[second] = int(first)
    done.job("count_words", "success", times=len(counted))
    return counted


async def count_by_client(system: System, paths: list[str]) -> Words:
    """Count with the Python client, whose own metrics are to agree as well."""
    counted: Words = {}
    registry = CollectorRegistry()
    waiting = iter(paths)

    async def one_after_the_other(client: Client) -> None:
        for path in waiting:
            counted[path] = await client.call("count_words", path, _timeout=60)

    async with Client(system.url, registry=registry) as client, asyncio.TaskGroup() as group:
        for _ in range(CALLS):
            group.create_task(one_after_the_other(client))
    ended = registry.get_sample_value(
        "jobgate_client_calls_total", {"function": "count_words", "outcome": "success"}
    )
    assert ended == len(paths)
    system.done.answered("enqueue", 200, times=len(paths))
    system.done.job("count_words", "success", times=len(paths))
    return counted


@pytest.mark.timeout(300)
async def test_words_of_the_standard_library(processes: Processes, tmp_path: Path) -> None:
    node = [require_tool("node"), str(HERE / "count_words.mjs")]
    curl = [require_tool("bash"), str(HERE / "count_words.sh")]
    require_tool("curl")
    paths = library()
    expected = wc(paths)
    assert len(expected) == len(paths) > 1000 // STEP
    with whole_system(processes, tmp_path / "data") as system:
        shares = await asyncio.gather(
            count_by_program(system, processes, node, paths[0::3], tmp_path),
            count_by_program(system, processes, curl, paths[1::3], tmp_path),
            count_by_client(system, paths[2::3]),
        )
        counted = {path: words for share in shares for path, words in share.items()}
        wrong = {path: words for path, words in counted.items() if words != expected[path]}
        assert not wrong
        assert counted.keys() == expected.keys()
        system.check_metrics()
        assert all("←" in worker.log for worker in system.workers), "one worker did everything"
