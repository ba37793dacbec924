"""Where keys are read from: a file, a folder of files such as a mounted secret, or text.

A folder holds one keys file for each caller, or whatever division suits. Hidden files and folders are
skipped: Kubernetes keeps its `..data` there, and an update of a mounted secret swaps that link.
"""

import errno
import os
import stat
from pathlib import Path
from typing import Final

from jobgate.gateway.auth.key_entry import KeyEntry, entries_of
from jobgate.gateway.settings import KeysFileError

#: Largest file, and most bytes of all files of a folder: some thousands of keys.
LARGEST: Final = 1024 * 1024
#: Most files of a folder.
_MOST_FILES: Final = 4096
#: Identifies a state of a file: device, inode, size, times of the last change of content and attributes.
_FileStamp = tuple[int, int, int, int, int]
#: Identifies a state of all files, by their names; that of a single file has the name ''.
Stamp = dict[str, _FileStamp]


def read_keys(path: Path) -> tuple[list[KeyEntry], Stamp]:
    """Return the entries of a file, or of all files of a folder, and the state in which they were read.

    Raises:
        KeysFileError: A file cannot be read or is not valid, or files changed meanwhile.
    """
    if not os.path.isdir(path):  # unlike `Path.is_dir`, it raises nothing
        entries, stamp = _read_file(path)
        return entries, {"": stamp}
    files = _files_of(path)
    if not files:
        raise unusable(path, "the folder has no files; it may not be mounted yet")
    found, stamps, size = [], {}, 0
    for file in files:
        entries, stamps[file.name] = _read_file(file)
        size += stamps[file.name][2]
        if size > LARGEST:
            raise unusable(path, f"its files are larger than {LARGEST} bytes together")
        found += entries
    if stamp_of(path) != stamps:
        raise unusable(path, "its files are being replaced")
    return found, stamps


def stamp_of(path: Path) -> Stamp:
    """Return the state of a file, or of all files of a folder; raises OSError and `KeysFileError`."""
    if not os.path.isdir(path):  # unlike `Path.is_dir`, it raises nothing
        return {"": _file_stamp(os.stat(path))}
    return {file.name: _file_stamp(os.stat(file)) for file in _files_of(path)}


def keys_of_text(text: str) -> list[KeyEntry]:
    """Return the entries in the text of a keys file; raises `KeysFileError`."""
    try:
        return entries_of(text)
    except KeysFileError as error:
        raise KeysFileError(f"The text of the keys cannot be used: {error}.") from error


def _files_of(folder: Path) -> list[Path]:
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if _is_shown(entry))
    except OSError as error:
        raise unreadable(folder, error) from error
    if len(names) > _MOST_FILES:
        raise unusable(folder, f"the folder has more than {_MOST_FILES} files")
    return [folder / name for name in names]


def _is_shown(entry: "os.DirEntry[str]") -> bool:
    # Folders include those of file systems, such as lost+found.
    return not (entry.name.startswith(".") or entry.name.endswith("~") or entry.is_dir())


def unusable(path: Path, why: str | None) -> KeysFileError:
    """Return the error of a keys file that cannot be used."""
    return KeysFileError(
        f"The keys file {path} cannot be used: {why}. "
        "`jobgate key new NAME --allow SCOPE --keys FILE` adds valid entries."
    )


def _read_file(path: Path) -> tuple[list[KeyEntry], _FileStamp]:
    content, stamp = read_content(path)
    try:
        return entries_of(content.decode()), stamp
    except KeysFileError as error:
        raise unusable(path, str(error)) from error
    except UnicodeDecodeError as error:
        raise unusable(path, f"it is not TOML: {error}") from error


def read_content(path: Path) -> tuple[bytes, _FileStamp]:
    """Return the content and the state of a file, unless it is being written.

    It never waits for a pipe or a device in its place.

    Raises:
        KeysFileError: It cannot be read, is too large, or is being written.
    """
    try:
        _check_kind(path, os.stat(path))
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
        with os.fdopen(os.open(path, flags), "rb") as file:
            before = os.fstat(file.fileno())
            _check_kind(path, before)
            content = file.read(LARGEST + 1)
            after = os.fstat(file.fileno())
    except OSError as error:
        raise unreadable(path, error) from error
    if len(content) > LARGEST:
        raise unusable(path, f"it is larger than {LARGEST} bytes")
    if after.st_nlink == 0:
        # A new file took its name, but this mount still leads to the former one.
        raise unusable(
            path, "it was replaced outside of this container; mount its folder, not the file alone"
        )
    if _file_stamp(before) != _file_stamp(after):
        raise unusable(path, "it is in the middle of a save")
    return content, _file_stamp(after)


def _check_kind(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise unusable(path, "it is not a regular file")


def unreadable(path: Path, error: OSError) -> KeysFileError:
    """Return the error of a file that the system does not let us read, with the remedy if it is known."""
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


def _file_stamp(status: os.stat_result) -> _FileStamp:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
