"""arq's own examples: nothing but the lines that import arq is changed, and all of them run."""

import hashlib
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import msgpack
import pytest
import redis

from harness.arq.versions import arq_program
from harness.processes.commands import REPOSITORY, Process, Processes
from harness.servers.redis_server import RedisServer
from harness.waiting import NotInTime, eventually
from jobgate.arq import create_pool

FOLDER = REPOSITORY / "examples" / "from_arq"
#: SHA-256 of the files in docs/examples of arq 0.28.0's source distribution.
ARQS = {
    "cron.py": "3b912b6c4876b69f788d7f3bd4cb0b35ae7dc44f261f8591d09fd84077ff76b8",
    "custom_serialization_msgpack.py": "64c08150bf3e602af9fee03c35e3b051157c00727af7a1ea6ea7ddb8c5de6b7f",
    "deferred.py": "28b60dd4edc7f0f4c5b326cf20ebeb9f57bfc65568d167ae615f29151c0daf26",
    "job_abort.py": "92fe235c388d921c270128ffa361213388a2fc95d818615f7c5f643681d70064",
    "job_ids.py": "07f3e3a35d90f823c2b2d5008ef9d772683b86483f0e31f44af7b692a56d1b55",
    "job_results.py": "81c8e1ada68975da1293c3f08a99601312ddff0d4cc46d15598de305b460693c",
    "main_demo.py": "2e2bfc6b4daf7f5a10e6d21b6620d9b95c8cab45b9033b517110a12c458d143e",
    "retry.py": "2dac37bcd259373fff30e134f5d20c8fb6fc2c385259832bc1dc007d537913e3",
    "slow_job.py": "93a49d559a767d583d0657cf86f8685ac434781ee931e71d552dbd542804fffb",
    "sync_job.py": "4dfb556d5f8f70b44885d14e9e9dbb6c54f3a5d172dd19e53fd472f04d87dfa3",
}
#: For httpx, which reads certificates even where it is not asked over TLS.
READS_CERTIFICATES = {"SSL_CERT_FILE": ""}


def arqs_own(name: str) -> str:
    """Return arq's file: ours with `arq` in place of `jobgate.arq`."""
    return re.sub(
        r"^(from|import) jobgate\.arq\b", r"\1 arq", (FOLDER / name).read_text(), flags=re.MULTILINE
    )


@pytest.mark.parametrize("name", ARQS)
def test_only_import_lines_differ(name: str) -> None:
    assert hashlib.sha256(arqs_own(name).encode()).hexdigest() == ARQS[name]


def test_all_are_there_and_none_imports_arq() -> None:
    assert {path.name for path in FOLDER.glob("*.py")} == set(ARQS)
    assert [
        name for name in ARQS if re.search(r"^(from|import) arq\b", (FOLDER / name).read_text(), re.M)
    ] == []


class Examples:
    """Runs the examples on the test's own server: in a copy, their address is that of the server.

    Nothing else is changed in it, but for the hosts in the Internet that two of them fetch from.
    """

    def __init__(self, processes: Processes, folder: Path, server: RedisServer) -> None:
        self._processes, self._folder, self._server = processes, folder, server
        self._port = re.search(r":(\d+)", server.url.removeprefix("redis://"))

    def copy(self, name: str, changes: Mapping[str, str] | None = None) -> None:
        assert self._port
        (self._folder / name).write_text(
            self._changed((FOLDER / name).read_text(), f"port={self._port[1]}", changes or {})
        )

    def copy_of_arqs(self, name: str, copy: str) -> None:
        """Copy arq's own file, with another database of the server for its address."""
        assert self._port
        text = self._changed(arqs_own(name), f"port={self._port[1]}, database=1", {})
        settings = f"    redis_settings = RedisSettings(port={self._port[1]}, database=1)\n"
        (self._folder / copy).write_text(
            text.replace("class WorkerSettings:\n", f"class WorkerSettings:\n{settings}")
        )

    def worker(self, name: str, **environment: str) -> Process:
        """Start `jobgate worker` with the example's settings, and wait until it works."""
        settings = f"{name.removesuffix('.py')}.WorkerSettings"
        return self._processes.worker(settings, self._server.url, cwd=self._folder, env=environment)

    def arq_worker(self, name: str) -> Process:
        settings = f"{name.removesuffix('.py')}.WorkerSettings"
        worker = self._processes.start(settings, program=arq_program("arq"), cwd=self._folder)
        worker.wait_for_log("Starting worker")
        return worker

    def main(self, name: str, python: str = sys.executable) -> str:
        """Run the example as a program, to its good end; return what it printed."""
        program = self._processes.start(name, program=python, cwd=self._folder)
        assert program.wait(60) == 0, program.log
        return program.log

    def _changed(self, text: str, address: str, changes: Mapping[str, str]) -> str:
        for before, after in changes.items():
            assert before in text
            text = text.replace(before, after)
        return text.replace("RedisSettings()", f"RedisSettings({address})")


@pytest.fixture
def examples(processes: Processes, tmp_path: Path, redis_url: str, valkey_server: RedisServer) -> Examples:
    return Examples(processes, tmp_path, valkey_server)


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as made:
        yield made


class Site:
    """A web site: it answers with these codes one after the other, and with the last one for ever."""

    def __init__(self, codes: list[int]) -> None:
        #: What was asked for, and when.
        self.hits: list[tuple[str, float]] = []
        site = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                code = codes[min(len(site.hits), len(codes) - 1)]
                site.hits.append((self.path, time.monotonic()))
                self.send_response(code)
                self.end_headers()
                self.wfile.write(b"some text")

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def site() -> Iterator[Callable[..., Site]]:
    opened: list[Site] = []

    def open_site(*codes: int) -> Site:
        opened.append(Site(list(codes)))
        Thread(target=opened[-1].server.serve_forever, args=(0.05,)).start()
        return opened[-1]

    yield open_site
    for each in opened:
        each.server.shutdown()
        each.server.server_close()


def test_main_demo(examples: Examples, site: Callable[..., Site]) -> None:
    web = site(200)
    examples.copy("main_demo.py", {"https://": f"{web.url}/"})
    worker = examples.worker("main_demo.py", **READS_CERTIFICATES)
    examples.main("main_demo.py")
    for name in ("facebook.com", "microsoft.com", "github.com"):
        worker.wait_for_log(rf"^{web.url}/{name}: some text\.\.\.$")
    eventually(lambda: worker.log.count("● 9") == 3, what="three results")
    assert worker.terminate() == 0


def test_deferred(examples: Examples, client: redis.Redis) -> None:
    """The function fails, with arq as well: it subtracts a time that has a zone from one that has none."""
    examples.copy("deferred.py")
    examples.copy_of_arqs("deferred.py", "arqs_deferred.py")
    before = time.time()
    examples.main("arqs_deferred.py", arq_program())
    examples.main("deferred.py")
    jobs: Any = client.zrange("arq:queue", 0, -1, withscores=True)
    soon, later, far = (score / 1000 for _, score in jobs)
    assert before + 10 <= soon <= time.time() + 10
    assert before + 60 <= later <= time.time() + 60
    assert time.gmtime(far + 43_200)[:2] == (2032, 1)
    for worker in (examples.worker("deferred.py"), examples.arq_worker("arqs_deferred.py")):
        worker.wait_for_log(r"→ \w+:the_task\(\)", timeout=45)
        assert time.time() >= soon
        worker.wait_for_log("TypeError: can't subtract offset-naive and offset-aware datetimes")


def test_job_ids(examples: Examples) -> None:
    examples.copy("job_ids.py")
    worker = examples.worker("job_ids.py")
    printed = examples.main("job_ids.py").splitlines()
    assert [re.sub(r"[0-9A-Za-z]{20}", "…", line) for line in printed] == [
        "<arq job …>", "<arq job …>", "<arq job foobar>", "None", "<arq job my_job>",
    ]  # fmt: skip
    for job_id in (printed[0][9:-1], printed[1][9:-1], "foobar", "my_job"):
        worker.wait_for_log(rf"^running the task with id {job_id}$")


def test_job_results(examples: Examples) -> None:
    examples.copy("job_results.py")
    worker = examples.worker("job_results.py")
    printed = examples.main("job_results.py")
    job_id, *_, status, result = printed.splitlines()
    assert result == "42"
    assert status in ("queued", "in_progress", "complete")
    assert "function='the_task'" in printed
    assert f"job_id='{job_id}'" in printed
    worker.wait_for_log(f"{job_id}:the_task ● 42")


def test_retry(examples: Examples, site: Callable[..., Site]) -> None:
    web = site(503, 200)
    examples.copy("retry.py", {"https://httpbin.org/status/503": web.url})
    worker = examples.worker("retry.py", **READS_CERTIFICATES)
    examples.main("retry.py")
    worker.wait_for_log(r"↻ \w+:download_content retrying job in 5\.00s")
    worker.wait_for_log(r"try=2")
    worker.wait_for_log(r"← \w+:download_content ● 9")
    first, second = (moment for _, moment in web.hits)
    assert second - first >= 4.9


def test_slow_job_is_cancelled_and_run_again(examples: Examples) -> None:
    examples.copy("slow_job.py")
    first = examples.worker("slow_job.py")
    examples.main("slow_job.py")
    first.wait_for_log(r"→ \w+:the_task\(\)")
    first.signal(signal.SIGINT)
    assert first.wait() == 0
    assert "shutdown on SIGINT ◆ 0 jobs complete ◆ 0 failed ◆ 0 retries ◆ 1 ongoing to cancel" in first.log
    assert "will be run again" in first.log
    second = examples.worker("slow_job.py")
    second.wait_for_log(r"← \w+:the_task ●", timeout=60)


def test_job_abort(examples: Examples) -> None:
    examples.copy("job_abort.py")
    worker = examples.worker("job_abort.py")
    examples.main("job_abort.py")
    worker.wait_for_log("^doing stuff...$")
    worker.wait_for_log(r"⊘ \w+:do_stuff aborted")
    assert "stuff done" not in worker.log


def test_cron(examples: Examples) -> None:
    """The worker's clock shows a quarter past nine, nearly: TZ may be any difference to UTC."""
    examples.copy("cron.py")
    for seconds in (5, 20, 60):  # what a loaded machine needs for the start is not known beforehand
        worker = examples.worker("cron.py", TZ=zone_where_it_is(9 * 3600 + 12 * 60 - seconds))
        try:
            worker.wait_for_log("^run foo job at 9.12am, 12.12pm and 6.12pm$", timeout=seconds + 10)
        except NotInTime:
            assert worker.terminate() == 0
        else:
            break
    else:
        raise AssertionError(f"it never ran: {worker.log}")


def zone_where_it_is(second_of_day: float) -> str:
    """Return a TZ in which the clock shows this time of day now; its sign is the wrong way round in POSIX."""
    behind = int(time.time() % 86_400 - second_of_day)
    minutes, seconds = divmod(abs(behind), 60)
    return f"NOW{'-' if behind < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"


async def test_sync_job(examples: Examples, redis_url: str) -> None:
    """It has no producer of its own."""
    examples.copy("sync_job.py")
    worker = examples.worker("sync_job.py")
    async with await create_pool(redis_url) as pool:
        jobs = [await pool.enqueue_job("the_task", 0.1) for _ in range(3)]
        assert [await job.result(timeout=30) for job in jobs if job] == [None, None, None]
    assert worker.terminate() == 0


def test_custom_serialization_msgpack(examples: Examples, client: redis.Redis) -> None:
    examples.copy("custom_serialization_msgpack.py")
    worker = examples.worker("custom_serialization_msgpack.py")
    examples.main("custom_serialization_msgpack.py")
    job_id = worker.wait_for_log(r"← (\w+):the_task ● 42")[1]
    stored = eventually(lambda: client.get(f"arq:result:{job_id}"), what="the result")
    assert isinstance(stored, bytes)
    assert msgpack.unpackb(stored)["r"] == 42
