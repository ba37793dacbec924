"""pyright, which must see in our types what mypy sees."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from harness.generators import BRIEFLY, installed
from harness.processes import REPOSITORY
from harness.tools import require_tool


def complaints(folder: Path) -> Iterator[tuple[str, int, str]]:
    """Yield the file, the line and the severity of each complaint about the Python files of a folder."""
    node, program = require_tool("node"), installed("node/node_modules/pyright/index.js")
    (folder / "pyrightconfig.json").write_text(
        json.dumps({"extraPaths": [str(REPOSITORY / ".types")], "typeCheckingMode": "standard"})
    )
    words = ["--project", str(folder), "--pythonpath", sys.executable, "--outputjson"]
    done = subprocess.run([node, *BRIEFLY, str(program), *words], capture_output=True, text=True, check=False)
    for one in json.loads(done.stdout)["generalDiagnostics"]:
        yield Path(one["file"]).name, one["range"]["start"]["line"] + 1, one["severity"]
