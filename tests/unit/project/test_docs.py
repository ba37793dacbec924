"""What the documents name exists: scripts, files, classes."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LAYOUT = (ROOT / "docs" / "redis-layout.md").read_text()


def test_the_layout_names_every_script() -> None:
    scripts = {path.name for path in (ROOT / "broker" / "scripts").glob("*.lua")}
    assert set(re.findall(r"`(\w+\.lua)`", LAYOUT)) == scripts
