"""Changes a keys file as a whole: readers see the former content or the new one, whatever is killed."""

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from jobgate.gateway.auth.keys_document import KeysDocument
from jobgate.gateway.auth.keys_source import Stamp, read_content, stamp_of, unreadable, unusable
from jobgate.gateway.settings import KeysFileError

#: Seconds to wait for another command that changes the same file, and the pause between two looks.
_PATIENCE: Final = 10.0
_PAUSE: Final = 0.05
#: Only its owner may read a file that is made here.
_OWNERS_ONLY: Final = 0o600


@contextmanager
def edited_keys(path: Path, *, create: bool = False) -> Iterator[KeysDocument]:
    """Yield a keys file to be changed, and replace the file if the block ends without an error.

    The new file has the mode and the owner of the former one. If the path is a symbolic link, its target is
    replaced. Two commands at the same time change it one after the other.

    Args:
        path: The file.
        create: Whether it may be a new one.

    Raises:
        KeysFileError: It cannot be read, understood, locked or replaced; the file is then unchanged.
    """
    file = Path(os.path.realpath(path))
    if file.is_dir():
        raise KeysFileError(f"{path} is a folder: give the file in it with --keys.")
    with _locked(file.parent):
        content, stamp = b"", None
        if not create or os.path.lexists(file):
            content, found = read_content(path)
            stamp = {"": found}
        try:
            document = KeysDocument(content.decode())
            yield document
        except UnicodeDecodeError as error:
            raise unusable(path, f"it is not TOML: {error}") from error
        if (text := document.text.encode()) != content:
            _replace(file, text, stamp)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder. The file itself cannot carry it, because it is replaced."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise unreadable(folder, error) from error
    try:
        _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > until:
                text = (
                    f"Another program has locked {folder} for {_PATIENCE:g} s: try again when it has ended."
                )
                raise KeysFileError(text) from error
            time.sleep(_PAUSE)
        except OSError:
            # Some network file systems lock no folders; `_replace` still notices a change in between.
            return
        else:
            return


def _replace(file: Path, content: bytes, stamp: Stamp | None) -> None:
    """Put new content in the place of a file, unless it has changed; no stamp = there was no file."""
    new = ""
    try:
        descriptor, new = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        with os.fdopen(descriptor, "wb") as written:
            _take_over(written.fileno(), file, is_new=stamp is None)
            written.write(content)
            written.flush()
            os.fsync(written.fileno())
        if (stamp_of(file) if os.path.lexists(file) else None) != stamp:
            raise KeysFileError(f"{file} was changed by another program meanwhile: run the command again.")
        os.rename(new, file)
        new = ""
        _sync_folder(file.parent)
    except OSError as error:
        raise KeysFileError(
            f"{file} cannot be replaced: {error.strerror}. The command writes a new file beside it and "
            "renames it: run it as a user who may do that, on the host if it is mounted into a container."
        ) from error
    finally:
        if new:
            with suppress(OSError):
                os.unlink(new)


def _take_over(descriptor: int, file: Path, *, is_new: bool) -> None:
    """Give a new file the mode and the owner of the one that it replaces."""
    if is_new:
        os.fchmod(descriptor, _OWNERS_ONLY)
        return
    former, own = os.stat(file), os.fstat(descriptor)
    if (former.st_uid, former.st_gid) != (own.st_uid, own.st_gid):
        os.fchown(descriptor, former.st_uid, former.st_gid)
    os.fchmod(descriptor, former.st_mode & 0o7777)


def _sync_folder(folder: Path) -> None:
    """Make the rename last through a power failure, where the file system can do that."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
