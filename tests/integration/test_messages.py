"""Wrong use is answered with what is wrong and what to write instead, on the command line as it is used."""

import pytest

from harness.processes import Processes


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("redis://127.0.0.1:1/0?socket_timeout=5", "unknown option 'socket_timeout', known are db, master"),
        ("rediss://127.0.0.1:1/0?ssl_cert_reqs=never", "'ssl_cert_reqs' cannot be used, write required"),
    ],
)
@pytest.mark.parametrize("words", [["gateway"], ["worker", "examples.settings.WorkerSettings"]])
def test_a_wrong_option_of_a_redis_url_is_named_at_the_start(
    processes: Processes, words: list[str], url: str, says: str
) -> None:
    process = processes.start(*words, "--redis", url)
    assert process.wait() == 1
    assert says in process.log
    assert "Traceback" not in process.log
