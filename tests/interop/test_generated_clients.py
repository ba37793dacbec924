"""Clients that others' generators make of openapi.yaml: a call with kwargs and a narrowed outcome compile."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.processes import REPOSITORY
from harness.tools import missing, require_tool

pytestmark = pytest.mark.early

HERE = Path(__file__).parent / "generators"
#: Where `make test` installs the generators.
INSTALLED = REPOSITORY / ".generators"
BIN = Path(sys.executable).parent

#: As `call.ts`, for the Python client.
CALL = """
from typing import assert_type

from made.api.jobs import enqueue, result
from made.client import Client
from made.models import Failed, JobRequest, JobRequestKwargs, Succeeded


def call(client: Client) -> str:
    kwargs = JobRequestKwargs()
    kwargs["lang"] = "de"
    body = JobRequest(args=[42, {"lines": [1]}], kwargs=kwargs, job_id="inv-42")
    enqueue.sync("send_invoice", client=client, body=body, wait=5)
    outcome = result.sync("inv-42", client=client, wait=5)
    assert isinstance(outcome, Succeeded | Failed)
    if outcome.success:
        assert_type(outcome, Succeeded)
        return str(outcome.result)
    assert_type(outcome, Failed)
    return f"{outcome.error.code.value}: {outcome.error.message}"
"""


def run(*words: str | Path, cwd: Path) -> None:
    """Run a program; fail with all that it said unless it exits with 0 and has warned of nothing."""
    path = f"{BIN}:{os.environ.get('PATH', '')}"
    done = subprocess.run(
        words, cwd=cwd, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "warning" not in said.lower(), said


def installed(path: str) -> Path:
    return INSTALLED / path if (INSTALLED / path).exists() else Path(missing(f"no {path}: run make test"))


def test_typescript(tmp_path: Path) -> None:
    node, modules = require_tool("node"), installed("node/node_modules")
    (tmp_path / "node_modules").symlink_to(modules)
    shutil.copy(HERE / "call.ts", tmp_path)
    generator, compiler = modules / "openapi-typescript/bin/cli.js", modules / "typescript/bin/tsc"
    run(node, generator, REPOSITORY / "openapi.yaml", "--output", "api.ts", cwd=tmp_path)
    strictly = ("--strict", "--noEmit", "--module", "esnext", "--moduleResolution", "bundler")
    run(node, compiler, *strictly, "--target", "es2022", "--skipLibCheck", "call.ts", cwd=tmp_path)


def test_python(tmp_path: Path) -> None:
    python = installed("python/bin/python")
    generate = ("generate", "--path", REPOSITORY / "openapi.yaml", "--meta", "none", "--output-path", "made")
    run(python.parent / "openapi-python-client", *generate, cwd=tmp_path)
    (tmp_path / "call.py").write_text(CALL)
    strictly = ("--strict", "--follow-imports", "silent", "--config-file", os.devnull)
    run(BIN / "mypy", *strictly, "--python-executable", python, "call.py", cwd=tmp_path)
