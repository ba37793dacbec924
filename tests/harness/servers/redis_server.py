"""A real Redis or Valkey process that a test may stop, kill, freeze and start again."""

import contextlib
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from harness.processes import tether
from harness.tools import free_port
from harness.waiting import eventually

#: What a test may have changed with CONFIG SET, and its value before each test.
CHANGEABLE = {"maxmemory": "0", "maxmemory-policy": "noeviction"}


class RedisServer:
    """One server process on a port of its own; its data outlive `stop`, `kill` and `restart`.

    Args:
        binary: Path of redis-server or valkey-server.
        directory: Where its data and log go; made if it is not there.
        options: Further options by name, over the defaults (append-only file, no snapshots).
    """

    def __init__(self, binary: str, directory: Path, options: Mapping[str, str] | None = None) -> None:
        self.binary = binary
        self.directory = directory
        self.port = free_port()
        self.options = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(directory),
            "appendonly": "yes",
            # A killed server has then written all that it answered; with `everysec` it may still hold it
            # back while an earlier part is brought to the disk.
            "appendfsync": "no",
            "save": "",
            "logfile": str(directory / "server.log"),
            **CHANGEABLE,
            **(options or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """`redis://` URL of database 0."""
        return f"redis://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """All that it has logged."""
        return (self.directory / "server.log").read_text(errors="replace")

    @property
    def pid(self) -> int:
        """Process id; fails while it is stopped."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start it and return when it answers PING."""
        assert not self.running
        self.directory.mkdir(parents=True, exist_ok=True)
        words = [word for name, value in self.options.items() for word in (f"--{name}", value)]
        self._process = subprocess.Popen(
            tether.command([self.binary, *words]), stdin=subprocess.DEVNULL, start_new_session=True
        )
        eventually(self._answers, what=f"the answer of the server on port {self.port}")
        return self

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it with a signal and return when it is gone; does nothing when it is stopped."""
        if self._process is None:
            return
        for sign in (how, signal.SIGCONT):
            self._process.send_signal(sign)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """Kill -9."""
        self.stop(signal.SIGKILL)

    def restart(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop it with `how`, then start it again on the same port with the same data."""
        self.stop(how)
        self.start()

    def pause(self) -> None:
        """Freeze it: it answers nothing, its connections stay open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen server go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def reset(self) -> None:
        """Bring it back to how a test expects it: running, empty, as configured."""
        if not self.running:
            self.stop()
            self.start()
        self.resume()
        with self.client() as client:
            for name, value in CHANGEABLE.items():
                client.config_set(name, self.options[name] or value)
            client.flushall()
            client.script_flush()

    def client(self, *, timeout: float = 20.0) -> redis.Redis:
        """Return a plain blocking client that repeats nothing; close it, or use it in a `with`."""
        once = Retry(NoBackoff(), 0)
        return redis.Redis(host="127.0.0.1", port=self.port, socket_timeout=timeout, retry=once)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the server ended: {self.log[-2000:]}"
        with contextlib.suppress(redis.RedisError), self.client() as client:
            return bool(client.ping())
        return False
