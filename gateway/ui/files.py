"""The files of the dashboard as they are served, from memory, under a version that changes with any of them.

JSDoc comments, which tell the type checker of the tests what is what, are left out; names, line breaks and
comments for people stay. The style sheets are one file, so that the first view waits for one request.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final, NamedTuple

#: The page, which loads all others.
PAGE: Final = "index.html"
_STYLE: Final = "style.css"
_SHEETS: Final = ("tokens", "frame", "parts", "pages")
#: The inside of a comment.
_INSIDE: Final = r"(?:(?!\*/).)*"
#: A JSDoc comment on lines of its own, or a type before an expression. No text of ours looks like one.
_JSDOC: Final = re.compile(rf"^ */\*\*{_INSIDE}\*/\n|/\*\* @type {_INSIDE}\*/ ", re.MULTILINE | re.DOTALL)


class UiFile(NamedTuple):
    """A file."""

    body: bytes
    etag: str


@cache
def ui_files() -> Mapping[str, UiFile]:
    """Return all files by their paths."""
    texts = dict(_found(files("jobgate.gateway.ui")))
    sheets = [texts.pop(f"style/{name}.css") for name in _SHEETS]
    found = {name: _JSDOC.sub("", text) for name, text in texts.items()} | {_STYLE: "\n".join(sheets)}
    version = _digest("".join(f"{name}\n{text}" for name, text in sorted(found.items())))
    found[PAGE] = found[PAGE].replace('="ui/', f'="ui/{version}/')
    return {name: UiFile(text.encode(), _digest(text)) for name, text in found.items()}


def ui_version() -> str:
    """Return the version of the files: the first part of the paths that the page loads."""
    page = ui_files()[PAGE].body.decode()
    return page.partition('="ui/')[2].partition("/")[0]


def _found(folder: Traversable, path: str = "") -> Iterator[tuple[str, str]]:
    for each in folder.iterdir():
        if each.is_dir():
            yield from _found(each, f"{path}{each.name}/")
        elif each.name.endswith((".css", ".html", ".js")):
            yield path + each.name, each.read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
