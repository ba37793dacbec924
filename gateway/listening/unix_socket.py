"""A socket in the file system: made in place of one that a dead gateway left, and never of a live one's."""

import contextlib
import errno
import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from jobgate.gateway.settings import GatewayError

#: Seconds for a program that listens on the socket to accept a connection.
_PATIENCE: Final = 1.0


class SocketFile:
    """A socket that listens, and its file.

    Args:
        path: The file to make.
        mode: Its permissions: who may write to it may connect.
        backlog: Most connections that wait to be accepted.

    Raises:
        GatewayError: The file cannot be made, or it is another program's.
    """

    def __init__(self, path: Path, *, mode: int, backlog: int) -> None:
        self._path = path
        try:
            with _alone_in(path.parent):
                _make_room(path)
                self.socket = _listening(path, mode, backlog)
                self._identity = _identity(path)
        except OSError as error:
            raise GatewayError(_why_not(path, error)) from error

    def remove(self) -> None:
        """Remove the file, unless another program has put its own in its place."""
        with contextlib.suppress(OSError), _alone_in(self._path.parent):
            if _identity(self._path) == self._identity:
                self._path.unlink()


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other gateways from making and removing sockets in a folder at the same time."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _make_room(path: Path) -> None:
    """Remove a socket on which nobody listens any more."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise GatewayError(f"{path} exists and is not a socket: choose another path with --unix-socket.")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_PATIENCE)
        error = probe.connect_ex(str(path))
    if error == errno.ECONNREFUSED:
        path.unlink()
    elif error != errno.ENOENT:
        # Also where it does not answer: a busy program, or one of another user.
        raise GatewayError(f"{path} is in use: stop the program that listens there, or choose another path.")


def _listening(path: Path, mode: int, backlog: int) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    try:
        made.bind(str(path))
        # Nobody can connect before it listens.
        path.chmod(mode)
        made.listen(backlog)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made


def _identity(path: Path) -> tuple[int, int]:
    status = os.lstat(path)
    return status.st_dev, status.st_ino


def _why_not(path: Path, error: OSError) -> str:
    # The error for a path that is too long has no `strerror`.
    return f"The socket {path} cannot be made: {error.strerror or error}."
