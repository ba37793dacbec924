"""Reads pickles under an audit hook: `python reading_child.py FILE`, prints what was seen as JSON.

FILE holds cases, each as the lengths of name and bytes, then both. Nothing that Python reports to audit
hooks may happen while a pickle is read: no import, no open, no exec, no process, no socket.
"""

import json
import os
import resource
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jobgate.broker.errors import DecodeError
from jobgate.broker.pickles import read_pickle

#: Bytes of address space beyond what the process has: a runaway ends here and not with the machine.
ROOM = 2 << 30
#: What getrusage counts memory in: KiB, on macOS bytes.
UNIT = 1 if sys.platform == "darwin" else 1024


class Watch:
    """Collects what happens while it is on."""

    def __init__(self) -> None:
        self.on = False
        self.seen: list[str] = []
        sys.addaudithook(self._notice)

    def _notice(self, event: str, args: tuple[Any, ...]) -> None:
        if self.on:
            self.seen.append(f"{event} {args!r}"[:200])


def cases(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield names and bytes."""
    with path.open("rb") as file:
        while head := file.read(8):
            name, blob = struct.unpack("<II", head)
            yield file.read(name).decode(), file.read(blob)


def read(watch: Watch, blob: bytes) -> dict[str, Any]:
    """Read one pickle and return what that did and took."""
    modules = set(sys.modules)
    before = time.process_time()
    watch.on = True
    try:
        kind = type(read_pickle(blob)).__name__
    except DecodeError:
        kind = "DecodeError"
    except BaseException as error:
        kind = repr(error)[:200]
    watch.on = False
    seconds = time.process_time() - before
    happened, watch.seen = watch.seen, []
    return {
        "kind": kind,
        "seconds": seconds,
        "happened": happened + [f"module {name}" for name in set(sys.modules) - modules],
    }


def in_a_child(watch: Watch, blob: bytes) -> dict[str, Any]:
    """Do the same in a forked process, and measure its memory too."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        before = _peak()
        seen = read(watch, blob)
        seen["mebibytes"] = (_peak() - before) / (1 << 20) * UNIT
        os.write(writing, json.dumps(seen).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return json.loads(answer) if answer else {"kind": "died", "seconds": 0.0, "happened": []}


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Read all cases; those called bombs each in a process of its own."""
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    limit = pages * os.sysconf("SC_PAGE_SIZE") + ROOM
    if pages:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CPU, (300, 300))
    watch = Watch()
    report: dict[str, Any] = {
        "cases": 0,
        "seconds": 0.0,
        "mebibytes": 0.0,
        "kinds": {},
        "slowest": "",
        "wrong": [],
    }
    for name, blob in cases(Path(sys.argv[1])):
        seen = (in_a_child if name.startswith("bomb") else read)(watch, blob)
        report["cases"] += 1
        report["kinds"][seen["kind"]] = report["kinds"].get(seen["kind"], 0) + 1
        if seen["happened"] or seen["kind"] not in {"dict", "DecodeError"}:
            report["wrong"].append({"case": name, **seen})
        if seen["seconds"] > report["seconds"]:
            report["seconds"], report["slowest"] = seen["seconds"], name
        if seen.get("mebibytes", 0.0) > report["mebibytes"]:
            report["mebibytes"], report["largest"] = seen["mebibytes"], name
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main()
