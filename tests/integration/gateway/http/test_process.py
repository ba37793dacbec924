"""The `jobgate gateway` and `jobgate key` commands as processes: start, signals, refusals."""

import asyncio
import json
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from harness.processes.commands import Processes, run_jobgate
from harness.tools import free_port
from harness.waiting import eventually_async


def test_it_says_where_it_listens_and_takes_its_options_from_the_environment(
    processes: Processes, redis_url: str
) -> None:
    port, metrics = free_port(), free_port()
    environment = {
        "JOBGATE_REDIS_URL": redis_url,
        "JOBGATE_PORT": str(port),
        "JOBGATE_METRICS_PORT": str(metrics),
        "JOBGATE_NAMESPACE": "mail",
        "JOBGATE_DRAIN": "0",
    }
    process = processes.start("gateway", env=environment)
    process.wait_for_log(rf"listening on http://127.0.0.1:{port}$")
    process.wait_for_log(rf"metrics listening on http://127.0.0.1:{metrics}$")
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics") as answer:
        assert b'queue="mail:queue"' in answer.read()
    assert process.terminate() == 0
    assert process.log.count("Traceback") == 0


async def test_sigterm_drains(processes: Processes, redis_url: str) -> None:
    process = processes.gateway(redis_url, "--drain", "2")
    async with aiohttp.ClientSession(process.url) as session:

        async def ask(method: str, path: str) -> tuple[int, str | None]:
            async with session.request(method, path) as answer:
                await answer.read()
                return answer.status, answer.headers.get("Connection")

        calls = [asyncio.create_task(ask("POST", "/jobs/f?wait=50")) for _ in range(50)]

        async def all_wait() -> bool:
            async with session.get("/metrics") as answer:
                return b"waits_in_flight 50.0" in await answer.read()

        await eventually_async(all_wait, what="50 waits in flight")
        start = time.monotonic()
        process.signal(signal.SIGTERM)

        async def not_ready() -> bool:
            return (await ask("GET", "/readyz"))[0] == 503

        await eventually_async(not_ready, what="/readyz says 503")
        assert (await ask("POST", "/jobs/f")) == (202, "close")
        assert {await call for call in calls} == {(202, "close")}
    code = await asyncio.to_thread(process.wait)
    assert code == 0
    assert 1.8 < time.monotonic() - start < 60
    assert "Traceback" not in process.log


def test_a_second_signal_ends_the_drain(processes: Processes, redis_url: str) -> None:
    process = processes.gateway(redis_url, "--drain", "60")
    process.signal(signal.SIGTERM)
    process.wait_for_log("shutting down")
    start = time.monotonic()
    process.signal(signal.SIGINT)
    assert process.wait() == 0
    assert time.monotonic() - start < 30


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_it_refuses_to_be_open_by_accident(host: str) -> None:
    done = run_jobgate("gateway", "--host", host)
    assert done.returncode == 2
    assert "--keys" in done.stderr
    assert "--insecure" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--redis", "http://:secret@x"], "The Redis URL is wrong"),
        (
            ["--keys", "/nonexistent/keys.toml"],
            "keys file /nonexistent/keys.toml cannot be used: No such file or directory. `jobgate key new",
        ),
        (["--port", "99999"], "port must be between"),
        (["--max-wait", "-3"], "max_wait must be between 0 and 3600 seconds, not -3.0."),
        (["--max-wait", "nan"], "max_wait must be between"),
        (["--max-header", "0"], "max_header must be between 1024 and 1048576 bytes, not 0."),
        (["--namespace", "a b"], "namespace must hold names without spaces and commas, not 'a b'."),
        (["--default-queue", ""], "default_queue must hold names without"),
        (["--allow-host", "a,b"], "allowed_hosts must hold names without"),
        (
            ["--tls-cert", "/none.pem"],
            "TLS needs both a certificate and its key: give --tls-cert and --tls-key",
        ),
        (["--tls-cert", "/none.pem", "--tls-key", "/none.key"], "/none.pem cannot be read: No such file or"),
        (
            ["--unix-socket", "/none/a.sock"],
            "The socket /none/a.sock cannot be made: No such file or directory",
        ),
        (["--unix-socket-mode", "rw"], "'rw' is not a mode in octal, such as 660."),
        (["--base-path", "jobgate"], "base_path must begin with a slash, end without one"),
        (["--trusted-proxy", "proxy.example.com"], "trusted_proxies: 'proxy.example.com' is not an address"),
        (["--queue", "a b"], "'a b' has spaces or commas: repeat --queue for each queue"),
        (["--queue", "a,b"], "'a,b' has spaces or commas"),
        (["--queue", ""], "a queue must have a name"),
    ],
)
def test_it_says_in_one_sentence_why_it_cannot_begin(words: list[str], message: str) -> None:
    done = run_jobgate("gateway", "--drain", "0", *words)
    assert done.returncode in {1, 2}
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


def test_a_port_in_use_is_said(processes: Processes, redis_url: str) -> None:
    process = processes.gateway(redis_url)
    port = process.url.rpartition(":")[2]
    done = run_jobgate("gateway", "--redis", redis_url, "--port", port)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"Error: Port {port} of 127.0.0.1 is in use: stop the program that uses it, or choose another port."
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("host", "why"),
    [("203.0.113.9", "Cannot assign requested address"), ("no-such-host.invalid", "")],
)
def test_an_address_that_is_not_this_machine_s_is_said(redis_url: str, host: str, why: str) -> None:
    done = run_jobgate("gateway", "--redis", redis_url, "--port", "0", "--host", host, "--insecure")
    assert done.returncode == 1
    assert f"Error: Port 0 of {host} cannot be opened: {why}" in done.stderr
    assert "bind" not in done.stderr


def test_a_key_is_made_and_admits(processes: Processes, redis_url: str, tmp_path: Path) -> None:
    made = run_jobgate("key", "new", "billing", "--allow", "enqueue:send_*", "--allow", "read", cwd=tmp_path)
    assert made.stderr == "Written to keys.toml, which keeps only its hash; the key is shown only once:\n"
    assert made.returncode == 0
    key = made.stdout.strip()
    path = tmp_path / "keys.toml"
    assert path.stat().st_mode & 0o077 == 0
    assert key not in path.read_text()
    assert run_jobgate("key", "new", "other", "--allow", "metrics", cwd=tmp_path).returncode == 0
    assert path.read_text().count("[[key]]") == 2

    process = processes.gateway(redis_url, "--keys", str(path))
    asked = urllib.request.Request(
        f"{process.url}/jobs/send_mail", method="POST", headers={"Authorization": f"Bearer {key}"}
    )
    with urllib.request.urlopen(asked) as answer:
        assert json.loads(answer.read())["function"] == "send_mail"
    assert key not in process.log


@pytest.mark.parametrize("words", [["a b", "--allow", "read"], ["a", "--allow", "everything"], ["a"]])
def test_keys_that_cannot_be_made(words: list[str], tmp_path: Path) -> None:
    done = run_jobgate("key", "new", *words, cwd=tmp_path)
    assert done.returncode in {1, 2}
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "keys.toml").exists()


def test_a_redis_that_comes_later_is_waited_for(processes: Processes, redis_url: str) -> None:
    process = processes.gateway(f"redis://127.0.0.1:{free_port()}")
    process.wait_for_log("Redis is unavailable")
    assert process.terminate() == 0


def test_a_redis_that_is_away_is_named_with_the_reason(processes: Processes, make_server: Any) -> None:
    server = make_server("valkey", appendonly="no", save="")
    server.kill()
    process = processes.gateway(server.url)
    where = f"redis://127.0.0.1:{server.port}/0"
    process.wait_for_log(rf"Redis is unavailable, /readyz .*{where}.*\(.*refused.*\)")
    server.start()
    process.wait_for_log("Redis answers: durability none")
    process.wait_for_log("WARNING .*Redis keeps nothing on disk, so a restart loses all jobs: set appendonly")
    assert process.terminate() == 0


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_access_log_tells_who_asked_for_what(
    processes: Processes, redis_url: str, tmp_path: Path, form: str
) -> None:
    done = run_jobgate("key", "new", "billing", "--allow", "enqueue:*", "--allow", "read", cwd=tmp_path)
    key = done.stdout.strip()
    words = ("--keys", str(tmp_path / "keys.toml"), "--access-log", "--log-format", form)
    process = processes.gateway(redis_url, *words)
    asked = [
        ("POST", "/jobs/send_x", key),
        ("POST", "/jobs/send_x", "no-such-key-canary"),
        ("GET", "/jobs/%E2%80%A8/status", key),
        ("GET", "/nowhere", key),
    ]
    made = [answer(process.url, *each) for each in asked]
    job_id = made[0][1]["job_id"]
    answer(process.url, "GET", f"/jobs/{job_id}/status", key)
    assert process.terminate() == 0
    lines = [line for line in process.log.splitlines() if '"request_id"' in line]
    if form == "json":
        assert {type(json.loads(line)) for line in process.log.splitlines()} == {dict}
        assert json.loads(lines[-1])["logger"] == "jobgate.gateway.access"
    found = [json.loads(line[line.index("{") :]) for line in lines]
    told = [
        (one["caller"], one["function"], one["job_id"], one["status"])
        for one in found
        if one["route"] != "livez"
    ]
    assert told == [
        ("billing", "send_x", job_id, 202),
        (None, "send_x", None, 401),
        ("billing", None, "\u2028", 404),
        (None, None, None, 404),
        ("billing", None, job_id, 200),
    ]
    assert process.log.isascii() or form == "text"
    assert all(line.isascii() for line in lines)
    assert key not in process.log
    assert "canary" not in process.log


def answer(url: str, method: str, path: str, key: str) -> tuple[int, Any]:
    request = urllib.request.Request(url + path, method=method, headers={"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as got:
            return got.status, json.loads(got.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_the_log_is_configured_as_a_worker_s(processes: Processes, redis_url: str, tmp_path: Path) -> None:
    file = tmp_path / "log.toml"
    file.write_text(
        'version = 1\n[formatters.f]\nformat = "MINE %(message)s"\n'
        '[handlers.h]\nclass = "logging.StreamHandler"\nformatter = "f"\n'
        '[loggers.jobgate]\nlevel = "INFO"\nhandlers = ["h"]\n'
    )
    process = processes.gateway(redis_url, "--log-config", str(file), "--access-log")
    process.wait_for_log("^MINE Redis answers")
    process.wait_for_log('^MINE {"method": "GET", "target": "/livez"')
    assert process.terminate() == 0
    done = run_jobgate("gateway", "--keys", "/nonexistent", "--log-format", "json")
    assert done.returncode == 1
    assert json.loads(done.stderr)["level"] == "CRITICAL"
