"""Others' checks of the OpenAPI document: redocly's lint and openapi-spec-validator have nothing to say."""

import os
import subprocess
from pathlib import Path

import orjson
import pytest
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

from harness.many_functions import many
from harness.processes import REPOSITORY
from harness.spoilt_functions import spoilt
from harness.tools import missing, require_tool
from jobgate.gateway.openapi.live_document import live_document

pytestmark = pytest.mark.early

BASE = yaml.load((REPOSITORY / "openapi.yaml").read_text(), yaml.CSafeLoader)
#: With 200 functions, all forms among them, and odd ones.
LIVE = orjson.dumps(live_document(BASE, [*many(200), *spoilt()]))
REDOCLY = REPOSITORY / ".generators/node/node_modules/@redocly/cli/bin/cli.js"
#: It must not tell its maker about its use, nor look for a newer version of itself.
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}


def test_redocly_warns_of_nothing(tmp_path: Path) -> None:
    node = require_tool("node")
    if not REDOCLY.exists():
        missing("no redocly: run make test")
    (tmp_path / "live.json").write_bytes(LIVE)
    documents = [REPOSITORY / "openapi.yaml", tmp_path / "live.json"]
    done = subprocess.run(
        [node, REDOCLY, "lint", "--format=json", "--extends=recommended", *documents],
        cwd=tmp_path,
        env={**os.environ, **QUIET},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count('"problems": []') == len(documents), done.stdout


def test_openapi_spec_validator_finds_no_error() -> None:
    OpenAPIV31SpecValidator(orjson.loads(LIVE)).validate()
