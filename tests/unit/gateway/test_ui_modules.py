"""The modules of the dashboard: their unit tests under Node, and their types."""

import subprocess
from pathlib import Path

from harness.generators import BRIEFLY, installed
from harness.tools import require_tool

HERE = Path(__file__).parent / "ui"


def run(*words: str) -> None:
    done = subprocess.run(words, cwd=HERE, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_they_do_what_their_unit_tests_say() -> None:
    # The files in one process: each starts in a moment, a process of its own takes longer.
    files = sorted(path.name for path in HERE.glob("*.test.mjs"))
    imports = "".join(f'await import("./{name}");' for name in files)
    run(require_tool("node"), "--input-type=module", "--test-reporter=spec", "--eval", imports)


def test_their_types_fit() -> None:
    compiler = installed("node/node_modules/typescript/lib/tsc.js")
    run(require_tool("node"), *BRIEFLY, str(compiler), "-p", "tsconfig.json")
