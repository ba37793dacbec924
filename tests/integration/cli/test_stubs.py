"""`jobgate stubs` asks a gateway, writes a file and tells whether one is stale."""

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from harness.tools import free_port
from jobgate.broker import FunctionDocument, Parameter
from jobgate.cli.main import main

KEY = "jg_secret"
ADD = FunctionDocument(name="add", parameters=(Parameter(name="a"),)).as_json()
DOCUMENT = {"functions": [{**ADD, "queues": ["arq:queue"], "workers": 1, "versions": 1}]}


class Gateway(ThreadingHTTPServer):
    """Answers with what a test puts here."""

    status = 200
    body = orjson.dumps(DOCUMENT)
    location = ""
    asked: list[tuple[str, str | None]]


class Answering(BaseHTTPRequestHandler):
    server: Gateway

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Authorization"]))
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.send_header("Location", self.server.location)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep requests out of the output."""


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway(("127.0.0.1", 0), Answering) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def url(gateway: Gateway) -> str:
    return f"http://127.0.0.1:{gateway.server_address[1]}"


def stubs(*words: str | Path, **environment: str) -> Result:
    quick = {"http_proxy": "http://127.0.0.1:1", "JOBGATE_REQUEST_TIMEOUT": "0.1"}
    runner = CliRunner(env={**quick, **environment})
    return runner.invoke(main, ["stubs", *map(str, words)])


def test_to_standard_output(gateway: Gateway, url: str) -> None:
    done = stubs(f"{url}/proxied/", "--key", KEY)
    assert done.exit_code == 0
    assert "async def add(a: Any) -> Any:" in done.stdout
    assert f"jobgate stubs {url}/proxied -o FILE" in done.stdout
    assert KEY not in done.output
    assert gateway.asked == [("/proxied/functions", f"Bearer {KEY}")]


def test_gateway_and_key_are_found_as_by_other_commands(gateway: Gateway, url: str, tmp_path: Path) -> None:
    assert stubs(JOBGATE_URL=url, JOBGATE_KEY=KEY).exit_code == 0
    assert stubs("--url", url).exit_code == 0
    profiles = tmp_path / "jobgate.toml"
    profiles.write_text(f'url = "{url}"\nkey = "{KEY}"\n')
    assert stubs("--config", profiles).exit_code == 0
    assert [key for _, key in gateway.asked] == [f"Bearer {KEY}", None, f"Bearer {KEY}"]


def test_a_file_is_replaced_as_a_whole(url: str, tmp_path: Path) -> None:
    file, link = tmp_path / "shop.py", tmp_path / "link.py"
    link.symlink_to(file)
    assert stubs(url, "-o", link).output == ""
    first = file.read_text()
    assert f"jobgate stubs {url} -o {link}" in first
    file.chmod(0o640)
    with file.open() as held:
        assert stubs(url, "-o", file).exit_code == 0
        assert held.read() == first, "who reads the old file reads all of it"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert link.is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["link.py", "shop.py"]


def test_a_file_that_cannot_be_written(url: str, tmp_path: Path) -> None:
    done = stubs(url, "-o", tmp_path / "missing" / "shop.py")
    assert done.exit_code == 2
    assert done.output.endswith("shop.py cannot be written: No such file or directory.\n")


def test_check(gateway: Gateway, url: str, tmp_path: Path) -> None:
    file = tmp_path / "shop.py"
    missing = stubs(url, "--check", "-o", file)
    assert (missing.exit_code, file.exists()) == (1, False)
    assert "does not exist. Write it: jobgate stubs http" in missing.output

    stubs(url, "-o", file)
    fresh = stubs(url, "--check", "-o", file)
    assert (fresh.exit_code, fresh.output) == (0, f"{file} is up to date.\n")

    written = file.read_text()
    gateway.body = gateway.body.replace(b'"add"', b'"sum"')
    stale = stubs(url, "--check", "-o", file)
    assert (stale.exit_code, stale.stdout) == (1, "")
    assert stale.stderr.splitlines() == [
        f"{file} is stale. Renew it: jobgate stubs {url} -o {file}",
        "- add(a: Any) -> Any",
        "+ sum(a: Any) -> Any",
    ]
    assert file.read_text() == written


def test_check_needs_a_file(url: str) -> None:
    done = stubs(url, "--check")
    assert done.exit_code == 2
    assert "name it with -o FILE" in done.output


@pytest.mark.parametrize(
    ("status", "body", "code", "says"),
    [
        (302, b"", 4, "302"),
        (200, b"[]", 4, "is not jobgate's"),
        (200, b'{"functions":[]}', 3, "There are no functions"),
    ],
)
def test_answers_that_are_not_functions(
    gateway: Gateway, url: str, tmp_path: Path, status: int, body: bytes, code: int, says: str
) -> None:
    gateway.status, gateway.body, gateway.location = status, body, f"{url}/elsewhere"
    done = stubs(url, "-o", tmp_path / "shop.py", "--key", KEY)
    assert done.exit_code == code
    assert says in done.output
    assert done.output.startswith("Error: ")
    assert done.output.count("\n") == 1
    assert os.listdir(tmp_path) == []
    assert len(gateway.asked) == 1, "the key goes to no other address"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("localhost:8080", "did you mean http://localhost:8080?"),
        ("http://", "must name a host"),
        ("http://[::1", "is not a URL"),
        ("http://me:secret@host", "a gateway takes a key, not a password: pass --key"),
        ("http://host?x=1", "query"),
    ],
)
def test_urls_that_are_none(url: str, says: str) -> None:
    done = stubs(url)
    assert done.exit_code == 2
    assert says in done.output
    assert "secret" not in done.output


def test_no_gateway_and_a_broken_key(url: str) -> None:
    away = stubs(f"http://127.0.0.1:{free_port()}")
    assert (away.exit_code, away.output.count("\n")) == (4, 1)
    assert "cannot be reached" in away.output
    assert "line break" in stubs(url, "--key", f"{KEY}\n").output


def without_packages(code: str, *words: str) -> str:
    """Run a program where the base install is all there is; return what it prints."""
    missing = ["redis", "hiredis", "pydantic", "yaml", "jsonschema_rs", "uvloop"]
    program = f"import sys; sys.modules.update(dict.fromkeys({missing}))\n{code}"
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_base_install_is_enough(url: str, tmp_path: Path) -> None:
    """Whoever only calls functions has no package for Redis, and no pydantic."""
    file = tmp_path / "shop.py"
    without_packages("from jobgate.cli.main import main; main()", "stubs", url, "-o", str(file))
    load = "import sys; sys.path.insert(0, sys.argv[1]); import shop; print(shop.add)"
    assert without_packages(load, str(tmp_path)) == "<stub of add>\n"
