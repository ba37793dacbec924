"""Real `jobgate` child processes with their logs in files."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryFile
from typing import IO

from harness.processes import tether
from harness.processes.forked import ForkedProcess, can_fork, start_zygote
from harness.processes.variables import environment
from harness.tools import free_port
from harness.waiting import PATIENCE, eventually

REPOSITORY = Path(__file__).resolve().parents[3]
JOBGATE = [sys.executable, "-m", "jobgate.cli"]


def run_jobgate(*words: str, cwd: Path = REPOSITORY, timeout: float = 90) -> CompletedProcess[str]:
    """Run `jobgate WORDS…` to its end and return what it has written and its exit code."""
    return _run([*JOBGATE, *words], cwd=cwd, timeout=timeout)


def new_key(file: Path, name: str, *words: str) -> str:
    """Add a key to a file of keys, and return it; each word is a scope, or an option of `jobgate key new`."""
    options = [word if word.startswith("-") else f"--allow={word}" for word in words]
    done = run_jobgate("key", "new", name, "--keys", str(file), *options)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def run_python(
    program: str, *words: str, folder: Path, cwd: Path = REPOSITORY, timeout: float = 60
) -> CompletedProcess[str]:
    """Run a program that a test has written, as a file in `folder`, in a process of its own.

    It is a fork of a process that has imported all of jobgate: not for tests of what is imported, nor of the
    very end of an interpreter.
    """
    file = folder / f"{len([*folder.iterdir()])}.py"
    file.write_text(program)
    return _run([sys.executable, str(file), *words], cwd=cwd, timeout=timeout)


def _run(argv: list[str], *, cwd: Path, timeout: float) -> CompletedProcess[str]:
    env = environment(os.environ)
    if not can_fork(argv, env):
        return subprocess.run(
            argv, cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout, check=False
        )
    with TemporaryFile("w+") as output, TemporaryFile("w+") as errors:
        process = ForkedProcess(argv, cwd=cwd, env=env, log=output.fileno(), errors=errors.fileno())
        try:
            code = process.wait(timeout)
        finally:
            process.send_signal(signal.SIGKILL)
        written = [file.read() for file in (output, errors) if not file.seek(0)]
    return CompletedProcess(argv, code, *written)


class Process:
    """One child process, the leader of a process group of its own."""

    def __init__(self, argv: list[str], log_file: Path, *, cwd: Path, env: Mapping[str, str]) -> None:
        self.argv = argv
        self.log_file = log_file
        #: Base URL of what it serves; empty when it serves nothing.
        self.url = ""
        self._log: IO[bytes] = log_file.open("wb")
        self._process: subprocess.Popen[bytes] | ForkedProcess
        if can_fork(argv, env):
            self._process = ForkedProcess(argv, cwd=cwd, env=env, log=self._log.fileno())
            return
        self._process = subprocess.Popen(
            tether.command(argv),
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def most_memory(self) -> float:
        """The most MiB that it has had in memory; 0 where the system does not tell."""
        status = Path(f"/proc/{self.pid}/status")
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
        return int(found.group(1)) / 1024 if found else 0.0

    @property
    def log(self) -> str:
        """All that it has written so far, to standard output and standard error."""
        return self.log_file.read_text(errors="replace")

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self._process.poll() is None

    def signal(self, sign: signal.Signals) -> None:
        """Send a signal to this process alone, not to its children."""
        self._process.send_signal(sign)

    def terminate(self, timeout: float = PATIENCE) -> int:
        """SIGTERM, then return its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def kill(self) -> None:
        """Kill -9 the whole process group, and return when the process is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._log.close()

    def wait(self, timeout: float = PATIENCE) -> int:
        """Wait for its end and return the exit code."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout} s; {self._story()}") from None

    def wait_for_log(self, pattern: str, timeout: float = PATIENCE) -> re.Match[str]:
        """Wait until its log matches the regular expression, and return the match."""

        def found() -> re.Match[str] | None:
            match = re.search(pattern, self.log, re.MULTILINE)
            assert match or self.running, f"it ended before it logged {pattern!r}; {self._story()}"
            return match

        match = eventually(found, timeout=timeout, what=f"{pattern!r} in {self.log_file}")
        assert match is not None
        return match

    def wait_for_http(self, path: str = "/livez", timeout: float = PATIENCE) -> None:
        """Wait until a GET of `path` is answered 200."""

        def answers() -> bool:
            assert self.running, f"it ended before it answered; {self._story()}"
            try:
                with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                    return bool(answer.status == 200)
            except (urllib.error.URLError, OSError):
                return False

        eventually(answers, timeout=timeout, what=f"200 from {self.url}{path}; {self._story()}")

    def _story(self) -> str:
        return f"command: {' '.join(self.argv)}; log: {self.log[-3000:]}"


class Processes:
    """Starts `jobgate` processes and ends those that a test leaves running."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._started: list[Process] = []
        start_zygote()

    def start(
        self, *words: str, cwd: Path = REPOSITORY, env: Mapping[str, str] | None = None, program: str = ""
    ) -> Process:
        """Start `jobgate WORDS…` (or another program) in `cwd`, without waiting for anything.

        The environment is `variables.environment`, plus `env`.
        """
        argv = [program, *words] if program else [*JOBGATE, *words]
        log_file = self.directory / f"{len(self._started)}-{Path(words[0] if words else program).name}.log"
        process = Process(argv, log_file, cwd=cwd, env=environment(os.environ) | dict(env or {}))
        self._started.append(process)
        return process

    def gateway(
        self, redis_url: str, *options: str, port: int | None = None, env: Mapping[str, str] | None = None
    ) -> Process:
        """Start `jobgate gateway` on a port of 127.0.0.1 and return when /livez answers."""
        port = port or free_port()
        process = self.start("gateway", "--redis", redis_url, "--port", str(port), *options, env=env)
        process.url = f"http://127.0.0.1:{port}"
        process.wait_for_http()
        return process

    def worker(
        self,
        settings: str,
        redis_url: str,
        *options: str,
        cwd: Path = REPOSITORY,
        env: Mapping[str, str] | None = None,
    ) -> Process:
        """Start `jobgate worker SETTINGS` with a metrics port and return when its /livez answers."""
        port = free_port()
        words = ("worker", settings, "--redis", redis_url, "--metrics-port", str(port), *options)
        process = self.start(*words, cwd=cwd, env=env)
        process.url = f"http://127.0.0.1:{port}"
        process.wait_for_http()
        return process

    def end_all(self) -> None:
        """Kill whatever is left of all that was started here."""
        for process in reversed(self._started):
            process.kill()
        self._started.clear()
