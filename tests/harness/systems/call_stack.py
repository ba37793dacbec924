"""A server, a worker and a gateway for tests of commands that call functions."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from click.testing import CliRunner, Result

from harness.processes.commands import REPOSITORY, Process, Processes
from harness.processes.forked import forked_python
from harness.processes.variables import environment
from harness.servers.redis_server import RedisServer
from harness.tools import valkey_binary
from jobgate.cli.main import main


class CallStack:
    """They run until the block ends; settings of whoever runs the tests are not seen.

    Args:
        directory: Where they and the commands may write.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.server = RedisServer(valkey_binary(), directory / "server").start()
        self.processes = Processes(directory)

    def __enter__(self) -> Self:
        tests = REPOSITORY / "tests"
        self.processes.worker("harness.functions.client_worker.WorkerSettings", self.server.url, cwd=tests)
        self.url = self.processes.gateway(self.server.url).url
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.processes.end_all()
        self.server.kill()

    @property
    def env(self) -> Mapping[str, str]:
        """Variables with which a command finds the gateway."""
        return {"JOBGATE_URL": self.url, "XDG_CONFIG_HOME": str(self.directory)}

    def run(self, *words: str, given: bytes = b"") -> Result:
        """Run `jobgate WORDS…` in this process."""
        return CliRunner(env=self.env).invoke(main, words, input=given)

    def shell(self, script: str) -> "subprocess.CompletedProcess[str]":
        """Run a script of bash, in which `jobgate` is the command."""
        programs = self.directory / "programs"
        programs.mkdir(exist_ok=True)
        program = programs / "jobgate"
        program.write_text(f'#!/bin/sh\nexec {forked_python()} -m jobgate.cli "$@"\n')
        program.chmod(0o755)
        env = {**environment(os.environ), **self.env, "PATH": f"{programs}:{os.environ['PATH']}"}
        return subprocess.run(
            ["bash", "-c", script], env=env, cwd=self.directory, capture_output=True, text=True, check=False
        )

    @contextmanager
    def further_gateway(self) -> Iterator[tuple[Process, Mapping[str, str]]]:
        """Run another gateway, and yield it with the variables for it."""
        gateway = self.processes.gateway(self.server.url)
        yield gateway, {**self.env, "JOBGATE_URL": gateway.url}
        gateway.kill()

    @contextmanager
    def stopped_gateway(self) -> Iterator[Mapping[str, str]]:
        """Yield the variables for a gateway that takes connections and never answers."""
        with self.further_gateway() as (gateway, env):
            gateway.signal(signal.SIGSTOP)
            yield env
