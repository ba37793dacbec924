"""Others' checks of the OpenAPI document: redocly's lint and openapi-spec-validator have nothing to say."""

import functools
import os
import subprocess
from pathlib import Path

import orjson
import pytest

from harness.documents.api_document import api_document
from harness.functions.many_functions import many
from harness.functions.spoilt_functions import spoilt
from harness.processes.commands import REPOSITORY
from harness.tools import missing, require_tool
from jobgate.gateway.openapi.live_document import live_document

pytestmark = pytest.mark.early

REDOCLY = REPOSITORY / ".generators/node/node_modules/@redocly/cli/bin/cli.js"
#: It must not tell its maker about its use, nor look for a newer version of itself.
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}


@functools.cache
def live() -> bytes:
    """Return the document with 200 functions, all forms among them, and odd ones."""
    return orjson.dumps(live_document(api_document(), [*many(200), *spoilt()]))


def test_redocly_warns_of_nothing(tmp_path: Path) -> None:
    node = require_tool("node")
    if not REDOCLY.exists():
        missing("no redocly: run make test")
    (tmp_path / "live.json").write_bytes(live())
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
    from openapi_spec_validator import OpenAPIV31SpecValidator  # it takes long to import

    OpenAPIV31SpecValidator(orjson.loads(live())).validate()
