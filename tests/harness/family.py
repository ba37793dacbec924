"""Which processes there are, and which of them come from another one."""

import os
import subprocess
from collections import defaultdict
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One process as `ps` shows it."""

    pid: int
    parent: int
    state: str
    words: str


def descendants(pid: int) -> list[tuple[int, str]]:
    """Return process id and command line of all children of a process, of theirs, and so on."""
    children: dict[int, list[Row]] = defaultdict(list)
    for row in _listing():
        children[row.parent].append(row)
    found: list[tuple[int, str]] = []
    parents = [pid]
    while parents:
        for row in children[parents.pop()]:
            found.append((row.pid, row.words))
            parents.append(row.pid)
    return found


def tethers() -> set[int]:
    """Return the process ids of what this process has tied to itself, and of the watchers over them."""
    mark = f"tether.py {os.getpid()} "
    return {row.pid for row in _listing() if mark in row.words and not row.state.startswith("Z")}


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and was not waited for does not."""
    return any(row.pid == pid and not row.state.startswith("Z") for row in _listing())


def _listing() -> list[Row]:
    command = ["ps", "-wweo", "pid=,ppid=,stat=,args="]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 3) for line in listing.splitlines()]
    return [
        Row(int(row[0]), int(row[1]), row[2], row[3])
        for row in rows
        if len(row) > 3 and row[3] != " ".join(command)
    ]
