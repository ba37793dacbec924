"""What the documents name exists: scripts, files, classes."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LAYOUT = (ROOT / "docs" / "redis-layout.md").read_text()
#: The beginnings of files that are put in front of scripts.
PRELUDES = ("-- Prelude", "-- Put before")


def test_the_layout_names_every_script() -> None:
    named = set(re.findall(r"`(\w+\.lua)`", LAYOUT))
    texts = {path.name: path.read_text() for path in (ROOT / "broker" / "scripts").glob("*.lua")}
    assert named <= texts.keys()
    assert {name for name, text in texts.items() if not text.startswith(PRELUDES)} <= named
