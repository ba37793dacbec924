"""`GET /openapi.json`: the description of this API."""

from functools import lru_cache
from importlib.resources import files

import orjson

from jobgate.broker import need
from jobgate.gateway.context import Call
from jobgate.gateway.http import Answer

need("yaml", extra="[gateway]")
import yaml  # noqa: E402 - a package that is missing is one sentence


async def openapi(call: Call) -> Answer:
    """Answer 200 with `openapi.yaml` as JSON."""
    return Answer(200, openapi_json())


@lru_cache(maxsize=1)
def openapi_json() -> bytes:
    """Return `openapi.yaml` as JSON."""
    text = files("jobgate.gateway").joinpath("openapi.yaml").read_text("utf-8")
    return orjson.dumps(yaml.safe_load(text))
