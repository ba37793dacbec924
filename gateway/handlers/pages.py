"""`GET /docs`, the page of all functions, and `GET /ui/{file}`, what it consists of.

The files hold no data, so they are served without a key: the page asks for one and fetches `/functions` with
it. Nothing is loaded from elsewhere, and nothing but these files is executed.
"""

import hashlib
from functools import lru_cache
from importlib.resources import files
from typing import Final

from jobgate.gateway.context import Call
from jobgate.gateway.http import Answer, Problem, tagged

_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
}
#: The files that pages load.
UI_FILES: Final = (
    "arguments.js", "docs.css", "docs.js", "elements.js", "fields.js", "gateway.js", "schemas.js", "trial.js",
)  # fmt: skip
_POLICY: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
#: A browser keeps a file, and asks whether it has changed: after an update none is older than others.
_CACHE: Final = "no-cache"


async def docs(call: Call) -> Answer:
    """Answer 200 with the page, or 304."""
    return _file(call, "docs.html")


async def ui_file(call: Call) -> Answer:
    """Answer 200 with a file of a page, or 304; 404 if there is none of this name."""
    if call.name not in UI_FILES:
        raise Problem("not-found", "The page has no such file: load /docs again.")
    return _file(call, call.name)


def _file(call: Call, name: str) -> Answer:
    body, etag = _content(name)
    content_type = _TYPES[name.rpartition(".")[2]]
    return tagged(call.request, body, etag, headers=_POLICY, content_type=content_type, cache=_CACHE)


@lru_cache(maxsize=len(UI_FILES) + 1)
def _content(name: str) -> tuple[bytes, str]:
    body = files("jobgate.gateway.ui").joinpath(name).read_bytes()
    return body, hashlib.blake2b(body, digest_size=12).hexdigest()
