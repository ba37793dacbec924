"""The file with the API keys: read at startup, and again whenever it changes.

A key that was removed from the file must stop working, even if the file cannot be read any more. So the keys
in memory are valid only for a while after the last check that found the file unchanged, or read it again.
"""

import errno
import logging
import os
import stat
import threading
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from jobgate.gateway.auth.callers import Caller, callers_of, find_caller
from jobgate.gateway.http import Problem
from jobgate.gateway.settings import KeysFileError

logger = logging.getLogger("jobgate.gateway.callers")

#: Seconds between two checks of the file.
LOOK_EVERY: Final = 1.0
#: Largest file in bytes: some thousands of keys.
LARGEST: Final = 1024 * 1024
#: Seconds for which a file that has just changed is read again at each check: a second change may leave it
#: with the same times.
_SETTLES: Final = 2.0
#: Identifies a state of the file: device, inode, size, times of the last change of content and attributes.
_Stamp = tuple[int, int, int, int, int]


@dataclass(slots=True)
class KeysFile:
    """The keys in one file, which is read again when it changes; thread-safe."""

    path: Path
    #: Seconds for which the keys stay valid when the file cannot be read any more.
    grace: float = 60.0
    _callers: dict[str, Caller] = field(default_factory=dict)
    _stamp: _Stamp | None = None
    #: Monotonic time of the last check that found the file usable.
    _good_at: float = 0.0
    #: What was logged last: a lasting problem is logged once, not at each check.
    _trouble: str = ""
    _is_refusing: bool = False

    def load(self) -> None:
        """Read the file; raises `KeysFileError`."""
        content, stamp = _read(self.path)
        if self._callers and not content.strip():
            raise unusable(self.path, "it is empty; it may be in the middle of a save")
        callers = _parse(self.path, content)
        if callers != self._callers and self._good_at:
            logger.info("read %d keys from the keys file", len(callers))
        self._callers = callers
        # Last, so that after an error the file is read again at the next check.
        self._stamp = stamp if time.time() - stamp[4] / 1e9 > _SETTLES else None
        self._found_good()

    def refresh(self) -> None:
        """Read the file again if it has changed; errors are logged once, not raised."""
        try:
            if self._stamp is not None and _stamp_of(os.stat(self.path)) == self._stamp:
                self._found_good()
            else:
                self.load()
        except KeysFileError as error:
            self._report(str(error))
        except OSError as error:
            self._report(str(_unreadable(self.path, error)))
        except Exception as error:
            self._report(f"{type(error).__name__}: {error}", exc_info=True)

    def watch(self, stop: threading.Event) -> None:
        """Check the file periodically until `stop` is set; to be run in a thread of its own.

        A file system that hangs then blocks nothing else, and the keys expire with their `grace`.
        """
        while not stop.wait(LOOK_EVERY):
            self.refresh()

    @property
    def is_usable(self) -> bool:
        """Whether the keys are valid: the file was usable within the `grace`."""
        return time.monotonic() - self._good_at <= self.grace

    def caller(self, authorization: str | None) -> Caller:
        """Return the caller with this header; raises `Problem` 401, or 503 if no keys are valid."""
        if not self.is_usable:
            self._refuse()
        return find_caller(self._callers, authorization)

    def _refuse(self) -> None:
        if not self._is_refusing:
            self._is_refusing = True
            logger.error(
                "the keys file has been unusable for %g s: requests with keys are refused until it is fixed",
                self.grace,
            )
        raise Problem("keys-unavailable", "The gateway cannot read its keys file.")

    def _found_good(self) -> None:
        self._good_at = time.monotonic()
        if self._trouble or self._is_refusing:
            logger.info("the keys file can be used again: %d keys", len(self._callers))
        self._trouble, self._is_refusing = "", False

    def _report(self, trouble: str, *, exc_info: bool = False) -> None:
        if trouble != self._trouble:
            text = "the keys file has changed but cannot be used, the previous keys stay valid for %g s: %s"
            logger.error(text, self.grace, trouble, exc_info=exc_info)
        self._trouble = trouble


def unusable(path: Path, why: str | None) -> KeysFileError:
    """Return the error of a keys file that cannot be used."""
    return KeysFileError(
        f"The keys file {path} cannot be used: {why}. "
        "`jobgate key new NAME --allow SCOPE --keys FILE` adds valid entries."
    )


def _parse(path: Path, content: bytes) -> dict[str, Caller]:
    try:
        return callers_of(tomllib.loads(content.decode()))
    except KeysFileError as error:
        raise unusable(path, str(error)) from None
    except (ValueError, RecursionError) as error:
        # Errors of the parser, and of the text, numbers, dates and depth that it meets.
        raise unusable(path, f"it is not TOML: {error}") from error


def _read(path: Path) -> tuple[bytes, _Stamp]:
    """Read a file, unless it is being written; never waits for a pipe or a device in its place."""
    try:
        _check_kind(path, os.stat(path))
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
        with os.fdopen(os.open(path, flags), "rb") as file:
            before = os.fstat(file.fileno())
            _check_kind(path, before)
            content = file.read(LARGEST + 1)
            after = os.fstat(file.fileno())
    except OSError as error:
        raise _unreadable(path, error) from error
    if len(content) > LARGEST:
        raise unusable(path, f"it is larger than {LARGEST} bytes")
    if _stamp_of(before) != _stamp_of(after):
        raise unusable(path, "it is in the middle of a save")
    return content, _stamp_of(after)


def _check_kind(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise unusable(path, "it is not a regular file")


def _unreadable(path: Path, error: OSError) -> KeysFileError:
    if error.errno not in (errno.EACCES, errno.EPERM) or not hasattr(os, "geteuid"):
        return unusable(path, error.strerror)
    try:
        status = os.stat(path)
        whose = f"it belongs to user {status.st_uid} with mode {stat.S_IMODE(status.st_mode):o}"
    except OSError:
        whose = "one of its parent folders is not accessible"
    us = os.geteuid()
    return KeysFileError(
        f"The keys file {path} cannot be read: {whose}, and this process runs as user {us}. "
        f"Give it to that user: chown {us} FILE."
    )


def _stamp_of(status: os.stat_result) -> _Stamp:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
