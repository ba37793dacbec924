"""Pages for browsers: `GET /`, the dashboard, `GET /docs`, all functions, and `GET /ui/{file}`, their files.

The files hold no data, so they are served without a key: a page asks for one and sends it with each request
for data. Nothing is loaded from elsewhere, and nothing but these files is executed.
"""

from typing import Final

from jobgate.gateway.context import Call
from jobgate.gateway.http import Answer, Problem, tagged
from jobgate.gateway.ui import PAGE, ui_files, ui_version

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
#: A browser keeps the page, and asks whether it has changed; its files have other addresses when they change.
_ASK: Final = "no-cache"
_KEEP: Final = "public, max-age=31536000, immutable"
#: Makes the dashboard show no buttons.
_READ_ONLY: Final = (b'<html lang="en">', b'<html lang="en" data-read-only>')


async def ui(call: Call) -> Answer:
    """Answer 200 with the dashboard, or 304."""
    body, etag = ui_files()[PAGE]
    if call.gateway.settings.read_only_ui:
        body, etag = body.replace(*_READ_ONLY), f"{etag}-read-only"
    return _answer(call, PAGE, body, etag, cache=_ASK)


async def docs(call: Call) -> Answer:
    """Answer as `ui`: at this address the dashboard begins with its page of all functions."""
    return await ui(call)


async def ui_file(call: Call) -> Answer:
    """Answer 200 with a file of a page, or 304; 404 if there is none of this name.

    A page that another version of the gateway has served gets the files of this one, and does not cache them.
    """
    version, _, name = call.name.partition("/")
    if name not in ui_files():
        version, name = "", call.name
    if name == PAGE or name not in ui_files():
        raise Problem("not-found", "The page has no such file: load the page again.")
    return _answer(call, name, *ui_files()[name], cache=_KEEP if version == ui_version() else _ASK)


def _answer(call: Call, name: str, body: bytes, etag: str, *, cache: str) -> Answer:
    content_type = _TYPES[name.rpartition(".")[2]]
    return tagged(call.request, body, etag, headers=_POLICY, content_type=content_type, cache=cache)
