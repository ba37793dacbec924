"""The files of the dashboard as they are served, from memory, under a version that changes with any of them.

They are the files of this folder without comments, and indented by tabs: names and line breaks stay. The
style sheets are one file, so that the first view waits for one request.
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
#: Comments: on lines of their own, before an expression, and at the end of a line. No text looks like one.
_COMMENTS: Final = re.compile(
    rf"^ */\*{_INSIDE}\*/\n|/\*\* @type {_INSIDE}\*/ |^ *// [^\n]*\n| // [^\n\"'`]*$",
    re.MULTILINE | re.DOTALL,
)
_INDENT: Final = re.compile(r"^(?:  )+", re.MULTILINE)
_EMPTY: Final = re.compile(r"\n{2,}")


class UiFile(NamedTuple):
    """A file."""

    body: bytes
    etag: str


@cache
def ui_files() -> Mapping[str, UiFile]:
    """Return all files by their paths."""
    texts = dict(_found(files("jobgate.gateway.ui")))
    sheets = [texts.pop(f"style/{name}.css") for name in _SHEETS]
    found = {name: _bare(text) for name, text in (texts | {_STYLE: "\n".join(sheets)}).items()}
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


def _bare(text: str) -> str:
    """Return a text without comments and empty lines, with one tab in place of two spaces before a line."""
    shorter = _EMPTY.sub("\n", _COMMENTS.sub("", text)).lstrip("\n")
    return _INDENT.sub(lambda found: "\t" * (len(found[0]) // 2), shorter)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
