"""`jobgate health`: what a container's health check runs."""

import http.server
import threading
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from harness.tools import free_port
from jobgate.cli.main import main


class Answering(http.server.BaseHTTPRequestHandler):
    """Answers with the status that the path names."""

    def do_GET(self) -> None:
        self.send_response(int(self.path.strip("/")))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keep requests out of the output."""


@pytest.fixture
def url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def health(*words: str, **environment: str) -> Result:
    return CliRunner(env={"http_proxy": "http://127.0.0.1:1", **environment}).invoke(main, ["health", *words])


def test_alive(url: str) -> None:
    for answer in (health(f"{url}/200"), health(JOBGATE_HEALTH_URL=f"{url}/200")):
        assert (answer.exit_code, answer.output) == (0, "ok\n")


@pytest.mark.parametrize("status", [204, 404, 503])
def test_any_other_answer_is_not_alive(url: str, status: int) -> None:
    answer = health(f"{url}/{status}")
    assert (answer.exit_code, answer.output) == (1, f"failed: {url}/{status} answers {status}\n")


def test_nobody_there_is_not_alive() -> None:
    answer = health(f"http://127.0.0.1:{free_port()}/livez")
    assert answer.exit_code == 1
    assert answer.output.startswith("failed: ")


@pytest.mark.parametrize("url", ["file:///etc/hostname", "127.0.0.1:8080", "ftp://127.0.0.1/x", "http://"])
def test_what_is_no_http_url_is_wrong_use(url: str) -> None:
    assert health(url).exit_code == 2


def test_it_asks_the_gateway_s_usual_port() -> None:
    assert "http://127.0.0.1:8080/livez" in health("--help").output
