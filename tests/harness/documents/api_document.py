"""The OpenAPI document, `openapi.yaml`."""

import functools
from typing import Any

import yaml

from harness.processes.commands import REPOSITORY


@functools.cache
def api_document() -> dict[str, Any]:
    """Return it, read once in each process of the tests; do not change it."""
    document: dict[str, Any] = yaml.load((REPOSITORY / "openapi.yaml").read_text(), yaml.CSafeLoader)
    return document
