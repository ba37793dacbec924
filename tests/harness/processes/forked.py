"""Processes that begin as forks of one that has imported all of jobgate, or of arq: see `zygote.py`."""

import atexit
import functools
import json
import os
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.arq.versions import is_arqs
from harness.processes.variables import early, environment
from jobgate.cli.main import module_of

#: Commands that are started so: those whose imports take long.
COMMANDS = (
    "abort", "bulk", "call", "check", "dev", "enqueue", "events", "failed", "functions", "gateway", "jobs",
    "key", "queue", "queues", "status", "worker", "workers",
)  # fmt: skip
#: What is imported beforehand, for jobgate and for arq.
_OURS = ("uvloop", "jobgate.client.http", *map(module_of, COMMANDS))
_ARQS = ("arq.cli", "arq.worker", "msgpack")
_HERE = Path(__file__).parent
#: Makes room for the command line of what is forked.
_ROOM = "·" * 2000


def can_fork(argv: Sequence[str], env: Mapping[str, str]) -> bool:
    """Whether a fork does what this command would do in this environment."""
    program, *words = argv
    if sys.platform != "linux" or early(env) != early(environment(os.environ)):
        return False
    if is_arqs(program):
        return True
    is_command = words[:2] == ["-m", "jobgate.cli"] and words[2:3] and words[2] in COMMANDS
    return program == sys.executable and (bool(is_command) or words[0].endswith(".py"))


class ForkedProcess:
    """What tests use of `subprocess.Popen`, for a process whose parent is the zygote."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        log: int,
        errors: int | None = None,
        given: int | None = None,
    ) -> None:
        self._told, telling = os.pipe()
        python, words = argv[0], argv[1:]
        if Path(python).name == "arq":
            python, words = str(Path(python).with_name("python")), argv
        request = json.dumps({"argv": words, "cwd": str(cwd), "env": dict(env)}).encode()
        with _ASKING, open(os.devnull) as nothing:
            streams = [nothing.fileno() if given is None else given, log, log if errors is None else errors]
            socket.send_fds(_zygote(python), [request], [*streams, telling])
            os.close(telling)
            #: Process id.
            self.pid = int(self._line())
        self._lock = threading.Lock()
        self._code: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        with self._lock:
            if self._code is None and select.select([self._told], [], [], 0)[0]:
                self._code = int(self._line())
                os.close(self._told)
            return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code.

        Raises:
            subprocess.TimeoutExpired: It runs on.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            left = 1.0 if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired("jobgate", timeout or 0)
            with self._lock:
                if self._code is None:
                    select.select([self._told], [], [], min(left, 0.05))
        return code

    def send_signal(self, sign: signal.Signals) -> None:
        """Send a signal, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, sign)

    def _line(self) -> bytes:
        """Read up to the end of a line, or of the pipe; byte by byte, for the next line is for later."""
        line = b""
        while (byte := os.read(self._told, 1)) not in {b"\n", b""}:
            line += byte
        return line


_ASKING = threading.Lock()


@functools.cache
def _zygote(python: str) -> socket.socket:
    """Start the zygote of this process and of that interpreter, and return its socket."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    env = environment(os.environ)
    env.pop("PYTHONPATH", None)
    with theirs, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.bind(_door(python))
        preloaded = _ARQS if is_arqs(python) else _OURS
        descriptors = [theirs.fileno(), door.fileno()]
        zygote = subprocess.Popen(
            [python, str(_HERE / "zygote.py"), *map(str, descriptors), ",".join(preloaded), _ROOM],
            stdin=subprocess.DEVNULL,
            pass_fds=descriptors,
            env=env,
            start_new_session=True,
        )
    atexit.register(_end, zygote, ours)
    return ours


@functools.cache
def _door(python: str) -> str:
    """Return the path of the socket at which `launcher.py` asks that interpreter's zygote."""
    folder = tempfile.mkdtemp(prefix="jobgate-")
    atexit.register(shutil.rmtree, folder)
    return f"{folder}/zygote"


def _end(zygote: "subprocess.Popen[bytes]", ours: socket.socket) -> None:
    ours.close()
    zygote.wait()


def forked_python() -> str:
    """Return a shell's words for this interpreter: what they start is forked where that will do."""
    if sys.platform != "linux":
        return shlex.quote(sys.executable)
    start_zygote()
    return shlex.join([sys.executable, "-I", "-S", str(_HERE / "launcher.py"), _door(sys.executable)])


def start_zygote() -> None:
    """Start the zygote before anything is forked: what looks for processes left behind then knows it."""
    if sys.platform == "linux":
        with _ASKING:
            _zygote(sys.executable)
