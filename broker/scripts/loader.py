"""The Lua scripts and their loader. The header of each script is its contract.

The scripts stand on floors by what they are about. No two floors have a script of the same name, so the name
is enough to load one. Scripts share code through preludes. A header names them and the functions that the
script uses, as in `-- Uses: lease.lua (held, mark_of)`.

A Redis that is full (`maxmemory` reached) refuses new jobs but must let its jobs end. So all scripts that
write carry the flag `allow-oom` (Redis >= 7.0), except `enqueue`, `rerun`, `progress`, `publish` and `probe`.
"""

import re
from dataclasses import dataclass, field
from functools import cache, lru_cache
from hashlib import sha1
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from jobgate.broker.milliseconds import CLOCK_SHIFT

#: The prelude that reads the time.
_CLOCK: Final = "clock.lua"
_USES = re.compile(r"^-- Uses: (\w+\.lua) \(", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Script:
    """One Lua script, ready to be called by its digest."""

    name: str
    source: str
    #: Hex SHA-1 of the source, by which Redis knows the script (EVALSHA).
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha", sha1(self.source.encode(), usedforsecurity=False).hexdigest())


def script(name: str) -> Script:
    """Return the script `name` (without `.lua`), with its preludes before it.

    Raises:
        FileNotFoundError: There is no such script.
    """
    return _script(name, CLOCK_SHIFT.ms)


@lru_cache(maxsize=1024)
def _script(name: str, shift_ms: int) -> Script:
    source = _text(f"{name}.lua")
    # Redis expects the flags of a script on its first line.
    flags, rest = source.split("\n", 1) if source.startswith("#!") else ("", source)
    preludes: dict[str, str] = {}
    _add_preludes(rest, preludes)
    if shift_ms and _CLOCK in preludes:
        preludes[_CLOCK] += f"now = now + {shift_ms}\n"
    return Script(name, "\n".join([flags, *preludes.values(), rest] if flags else [*preludes.values(), rest]))


def _add_preludes(source: str, preludes: dict[str, str]) -> None:
    """Add what a source uses, each prelude after those that it uses itself."""
    for name in _USES.findall(source):
        if name not in preludes:
            text = _text(name)
            _add_preludes(text, preludes)
            preludes[name] = text


@cache
def _text(name: str) -> str:
    if name not in _files():
        raise FileNotFoundError(name)
    return _files()[name].read_text("utf-8")


@cache
def _files() -> dict[str, Traversable]:
    """Return the scripts of all floors by name."""
    floors = (floor for floor in files("jobgate.broker.scripts").iterdir() if floor.is_dir())
    return {file.name: file for floor in floors for file in floor.iterdir() if file.name.endswith(".lua")}
