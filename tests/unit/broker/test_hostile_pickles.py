"""A corpus of hostile pickles, read in a process in which nothing else may happen meanwhile."""

import json
import struct
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from harness.forms import LONG
from harness.hostile import pickles as hostile
from harness.hostile import reading_child

pytestmark = pytest.mark.early

#: CPU seconds that one pickle may take, on a machine several times slower than ours (0.9 s there).
LONGEST = 5.0 if LONG else 1.8
#: MiB that one pickle may take, its own 16 included.
LARGEST = 192
#: The part of their work for which those stand that take most: see `hostile.bombs`.
PART = 1 if LONG else 8


def read_all(cases: Iterable[tuple[str, bytes]], folder: Path) -> dict[str, Any]:
    """Read the cases in a child process and return its report."""
    corpus = folder / "corpus"
    with corpus.open("wb") as file:
        for name, blob in cases:
            file.write(struct.pack("<II", len(name.encode()), len(blob)) + name.encode() + blob)
    words = [sys.executable, reading_child.__file__, str(corpus)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    sys.stdout.write(f"{report}\n")  # `pytest -s` shows the figures
    return report


def test_nothing_is_imported_or_called(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    report = read_all(hostile.corpus(f"touch {canary}", changes=3000, noises=3000), tmp_path)
    assert report["wrong"] == []
    assert report["cases"] > 10_000
    assert report["kinds"]["dict"] > 4_000, "most of what is well formed is read"
    assert report["seconds"] < LONGEST
    assert not canary.exists()


@pytest.mark.timeout(180)
def test_bombs_take_little_time_and_memory(tmp_path: Path) -> None:
    bombs = ((f"bomb {name}", hostile.as_value(ops)) for name, ops in hostile.bombs(PART))
    report = read_all(bombs, tmp_path)
    assert report["wrong"] == []
    assert report["cases"] > 30
    assert report["seconds"] < LONGEST, report["slowest"]
    assert report["mebibytes"] < LARGEST, report["largest"]


def test_the_hook_sees_what_a_real_load_does(tmp_path: Path) -> None:
    """Proof that the two tests above can fail."""
    program = tmp_path / "child.py"
    source = Path(reading_child.__file__).read_text()
    program.write_text(source.replace("read_pickle(blob)", "__import__('pickle').loads(blob)"))
    canary = tmp_path / "canary"
    (tmp_path / "corpus").write_bytes(b"")
    ops = b"cbuiltins\nopen\n" + hostile.text(str(canary)) + hostile.text("w") + b"\x86R"
    blob = hostile.as_value(ops)
    (tmp_path / "corpus").write_bytes(struct.pack("<II", 4, len(blob)) + b"open" + blob)
    done = subprocess.run(
        [sys.executable, str(program), str(tmp_path / "corpus")], capture_output=True, text=True, check=True
    )
    (wrong,) = json.loads(done.stdout)["wrong"]
    assert any(event.startswith("open") for event in wrong["happened"])
