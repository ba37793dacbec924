"""mypy and pyright, which must see the same in our types."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from harness.hints.generators import BRIEFLY, installed
from harness.processes.commands import REPOSITORY
from harness.tools import require_tool

#: mypy with the options of `make check`, which are stricter than `--strict`, and with its cache.
MYPY = [
    *(sys.executable, "-m", "mypy", "--cache-dir", str(REPOSITORY / ".mypy_cache")),
    *("--config-file", str(REPOSITORY / "pyproject.toml")),
]


def without_our_paths() -> str:
    """Return those options as the text of a mypy.ini, but for where `make check` finds jobgate."""
    options = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["mypy"]
    kept = options.keys() - {"exclude", "files", "mypy_path", "overrides"}
    values = {name: options[name] for name in sorted(kept)}
    lines = [f"{name} = {', '.join(v) if isinstance(v, list) else v}" for name, v in values.items()]
    return "\n".join(["[mypy]", *lines, ""])


def complaints(folder: Path) -> Iterator[tuple[str, int, str]]:
    """Yield the file, the line and the severity of each complaint of pyright about a folder."""
    node, program = require_tool("node"), installed("node/node_modules/pyright/index.js")
    (folder / "pyrightconfig.json").write_text(
        json.dumps({"extraPaths": [str(REPOSITORY / ".types")], "typeCheckingMode": "standard"})
    )
    words = ["--project", str(folder), "--pythonpath", sys.executable, "--outputjson"]
    done = subprocess.run([node, *BRIEFLY, str(program), *words], capture_output=True, text=True, check=False)
    for one in json.loads(done.stdout)["generalDiagnostics"]:
        yield Path(one["file"]).name, one["range"]["start"]["line"] + 1, one["severity"]
