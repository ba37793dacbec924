"""The modules of the dashboard: their unit tests under Node, their types, and what a linter finds."""

import json
import re
import subprocess
from pathlib import Path

from harness.hints.generators import BRIEFLY, installed
from harness.tools import require_tool
from jobgate.gateway.ui import ui_files

HERE = Path(__file__).parent / "ui"
PAGES = Path(__file__).resolve().parents[3] / "gateway" / "ui"
#: What would take foreign text for markup or code, or what the policy forbids.
FORBIDDEN = re.compile(
    r"(inner|outer)HTML|insertAdjacentHTML|document\.write|\b(eval|Function)\(|\b(style|on\w+)=\"|javascript:"
)


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


def test_a_linter_finds_nothing() -> None:
    linter = installed("node/node_modules/oxlint/bin/oxlint")
    run(require_tool("node"), str(linter), "--config", "oxlintrc.json", str(PAGES))


#: Reads pairs of texts, and prints those that are not the same program.
SAME_PROGRAM = """
import { readFileSync } from "node:fs";
const { default: ts } = await import(process.argv[1]);
const compilerOptions = { removeComments: true, target: "esnext", module: "esnext" };
const bare = (text) => ts.transpileModule(text, { compilerOptions }).outputText;
for (const [name, source, served] of JSON.parse(readFileSync(0))) {
  if (bare(source) !== bare(served)) console.log(name);
}
"""


def test_they_are_served_without_comments_and_otherwise_as_they_are() -> None:
    compiler = installed("node/node_modules/typescript/lib/typescript.js")
    served = {name: file.body.decode() for name, file in ui_files().items() if name.endswith(".js")}
    pairs = json.dumps([(name, (PAGES / name).read_text(), text) for name, text in served.items()])
    words = [require_tool("node"), *BRIEFLY, "--input-type=module", "--eval", SAME_PROGRAM, str(compiler)]
    done = subprocess.run(words, input=pairs, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert [name for name, text in served.items() if re.search(r"/\*|^\s*//|^  ", text, re.MULTILINE)] == []


def test_foreign_text_cannot_become_markup() -> None:
    texts = {path.name: path.read_text() for path in PAGES.rglob("*.*") if path.suffix in {".js", ".html"}}
    assert {name: found[0] for name, text in texts.items() if (found := FORBIDDEN.search(text))} == {}
