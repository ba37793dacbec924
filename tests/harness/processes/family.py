"""Which processes there are, and which of them come from another one."""

import os
from collections.abc import Iterator

import psutil


def descendants(pid: int) -> list[tuple[int, str]]:
    """Return process id and command line of all children of a process, of theirs, and so on."""
    try:
        children = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return [(child.pid, words) for child in children if (words := _words(child))]


def tethers() -> set[int]:
    """Return the process ids of what this process has tied to itself, and of the watchers over them."""
    mark = f"tether.py {os.getpid()} "
    return {process.pid for process in _running() if mark in _words(process)}


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and was not waited for does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _running() -> Iterator[psutil.Process]:
    return (process for process in psutil.process_iter() if alive(process.pid))


def _words(process: psutil.Process) -> str:
    """Return a process's command line; empty for one that is gone."""
    try:
        return " ".join(process.cmdline())
    except psutil.ZombieProcess:
        return "<defunct>"
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return ""
