"""The API keys of a running gateway: read at startup, and again whenever their file or folder changes.

A key that was removed from the file must stop working, even if the file cannot be read any more. So the keys
in memory are valid only for a while after the last check that found the file unchanged, or read it again.
"""

import logging
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from jobgate.gateway.auth.callers import Caller, callers_of, find_caller
from jobgate.gateway.auth.keys_source import Stamp, keys_of_text, read_keys, stamp_of, unreadable, unusable
from jobgate.gateway.http import Problem
from jobgate.gateway.settings import KeysFileError

logger = logging.getLogger("jobgate.gateway.callers")

#: Seconds between two checks of the file.
LOOK_EVERY: Final = 1.0
#: Seconds for which a file that has just changed is read again at each check: a second change may leave it
#: with the same times.
_SETTLES: Final = 2.0


class Keys(Protocol):
    """The keys of a gateway."""

    @property
    def is_usable(self) -> bool:
        """Whether the keys are valid."""

    def caller(self, authorization: str | None) -> Caller:
        """Return the caller with this header; raises `Problem` 401, or 503 if no keys are valid."""

    def watch(self, stop: threading.Event) -> None:
        """Keep the keys up to date until `stop` is set; to be run in a thread of its own."""

    def reread(self) -> None:
        """Have the next check read them again, whether they have changed or not."""


class KeysText:
    """Keys that were given as text, and never change.

    Args:
        text: The content of a keys file.

    Raises:
        KeysFileError: It is not a valid keys file.
    """

    is_usable: Final = True

    def __init__(self, text: str) -> None:
        self._callers = callers_of(keys_of_text(text))

    def caller(self, authorization: str | None) -> Caller:
        """Return the caller with this header; raises `Problem` 401."""
        return find_caller(self._callers, authorization)

    def watch(self, stop: threading.Event) -> None:
        """Return: there is nothing to watch."""

    def reread(self) -> None:
        """Return: there is nothing to read."""


@dataclass(slots=True)
class KeysFile:
    """The keys in one file or folder, which is read again when it changes; thread-safe."""

    path: Path
    #: Seconds for which the keys stay valid when the file cannot be read any more.
    grace: float = 60.0
    _callers: dict[str, Caller] = field(default_factory=dict)
    _stamp: Stamp | None = None
    #: Monotonic time of the last check that found the file usable.
    _good_at: float = 0.0
    #: What was logged last: a lasting problem is logged once, not at each check.
    _trouble: str = ""
    _is_refusing: bool = False

    def load(self) -> None:
        """Read the file; raises `KeysFileError`."""
        entries, stamp = read_keys(self.path)
        if self._callers and not any(size for _, _, size, _, _ in stamp.values()):
            raise unusable(self.path, "it is empty; it may be in the middle of a save")
        callers = callers_of(entries)
        if callers != self._callers and self._good_at:
            logger.info("read %d keys from the keys file", len(callers))
        self._callers = callers
        # Last, so that after an error the file is read again at the next check.
        changed_at = max(changed for _, _, _, _, changed in stamp.values())
        self._stamp = stamp if time.time() - changed_at / 1e9 > _SETTLES else None
        self._found_good()

    def refresh(self) -> None:
        """Read the file again if it has changed; errors are logged once, not raised."""
        try:
            if self._stamp is not None and stamp_of(self.path) == self._stamp:
                self._found_good()
            else:
                self.load()
        except KeysFileError as error:
            self._report(str(error))
        except OSError as error:
            self._report(str(unreadable(self.path, error)))
        except Exception as error:
            self._report(f"{type(error).__name__}: {error}", exc_info=True)

    def watch(self, stop: threading.Event) -> None:
        """Check the file periodically until `stop` is set; to be run in a thread of its own.

        A file system that hangs then blocks nothing else, and the keys expire with their `grace`.
        """
        while not stop.wait(LOOK_EVERY):
            self.refresh()

    def reread(self) -> None:
        """Have the next check read the file again, whether it has changed or not."""
        self._stamp = None

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
