"""The Lua scripts: one file, one transition. Each file's header is its contract.

A Redis that is full (`maxmemory` reached) refuses new jobs but must let those it has come to their end, so
all scripts but `enqueue` and `progress` carry the flag `allow-oom` (Redis >= 7.0).
"""

from dataclasses import dataclass, field
from functools import cache
from hashlib import sha1
from importlib.resources import files

#: What several scripts need, put before those whose header says `Uses: …`.
_PRELUDES = ("read.lua", "lease.lua", "wake.lua", "drop.lua", "hand.lua")


@dataclass(frozen=True, slots=True)
class Script:
    """One Lua script, ready to be called by its digest."""

    name: str
    source: str
    #: Hex SHA-1 of the source, by which Redis knows it (EVALSHA).
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha", sha1(self.source.encode(), usedforsecurity=False).hexdigest())


@cache
def script(name: str) -> Script:
    """Read the script `name` (without `.lua`), with what it uses before it.

    Raises:
        FileNotFoundError: there is no such script.
    """
    folder = files("jobgate.broker.scripts")
    source = folder.joinpath(f"{name}.lua").read_text("utf-8")
    # Redis wants a script's flags on its first line.
    flags, rest = source.split("\n", 1) if source.startswith("#!") else ("", source)
    uses = rest.partition("Uses: ")[2].partition("\n")[0]
    preludes = [folder.joinpath(part).read_text("utf-8") for part in _PRELUDES if part in uses]
    return Script(name, "\n".join([flags, *preludes, rest] if flags else [*preludes, rest]))
