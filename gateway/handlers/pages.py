"""Pages for browsers: `GET /`, the dashboard, `GET /docs`, all functions, and `GET /ui/{file}`, their files.

The files hold no data, so they are served without a key: a page asks for one and sends it with each request
for data. Nothing is loaded from elsewhere, and nothing but these files is executed.
"""

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from jobgate.gateway.context import Call
from jobgate.gateway.http import Answer, Problem, tagged

_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
}
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
_PAGE: Final = "index.html"
#: What tells the dashboard that it is to show no buttons.
_READ_ONLY: Final = (b'<html lang="en">', b'<html lang="en" data-read-only>')


def _found(folder: Traversable, path: str = "") -> Iterator[str]:
    for each in folder.iterdir():
        if each.is_dir():
            yield from _found(each, f"{path}{each.name}/")
        elif each.name.endswith((".css", ".js")):
            yield path + each.name


#: The files that pages load, by their paths: nothing else is served.
UI_FILES: Final = tuple(sorted(_found(files("jobgate.gateway.ui"))))


async def ui(call: Call) -> Answer:
    """Answer 200 with the dashboard, or 304."""
    body, etag = _content(_PAGE)
    if call.gateway.settings.read_only_ui:
        body, etag = body.replace(*_READ_ONLY), f"{etag}-read-only"
    return _answer(call, _PAGE, body, etag)


async def docs(call: Call) -> Answer:
    """Answer as `ui`: at this address the dashboard begins with its page of all functions."""
    return await ui(call)


async def ui_file(call: Call) -> Answer:
    """Answer 200 with a file of a page, or 304; 404 if there is none of this name."""
    if call.name not in UI_FILES:
        raise Problem("not-found", "The page has no such file: load the page again.")
    return _answer(call, call.name, *_content(call.name))


def _answer(call: Call, name: str, body: bytes, etag: str) -> Answer:
    content_type = _TYPES[name.rpartition(".")[2]]
    return tagged(call.request, body, etag, headers=_POLICY, content_type=content_type, cache=_CACHE)


@lru_cache(maxsize=len(UI_FILES) + 1)
def _content(name: str) -> tuple[bytes, str]:
    body = files("jobgate.gateway.ui").joinpath(name).read_bytes()
    return body, hashlib.blake2b(body, digest_size=12).hexdigest()
