"""What callers read about live functions: the list of `GET /functions`, and the OpenAPI document."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.resources import files
from time import monotonic
from typing import Any, Final

import orjson

from jobgate.broker import LiveFunction, LiveFunctions, SharedReads, need
from jobgate.gateway.functions import why_not_function
from jobgate.gateway.openapi.live_document import live_document

need("yaml", extra="[gateway]")
import yaml  # noqa: E402 - a package that is missing is one sentence

#: Seconds for which a list is used: live functions are read again at the same interval.
_LISTED: Final = 1.0
#: Seconds for which a request waits for a description of thousands of functions to be made.
LONGEST_MAKING: Final = 30.0
#: Most bodies that are remembered. Callers who may see the same share one.
_MOST_REMEMBERED: Final = 8


@lru_cache(maxsize=1)
def base_document() -> dict[str, Any]:
    """Return the parsed `openapi.yaml`; do not change it."""
    text = files("jobgate.gateway").joinpath("openapi.yaml").read_text("utf-8")
    # In C where PyYAML was built with it: in Python, this would be half of what a gateway takes to start.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document: dict[str, Any] = yaml.load(text, loader)  # noqa: S506 - both are safe
    return document


@dataclass(frozen=True, slots=True)
class Description:
    """A body, and its `ETag` without quotes: two gateways that know the same have the same."""

    body: bytes
    etag: str

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Description":
        """Return a document as JSON."""
        body = orjson.dumps(document)
        return cls(body, hashlib.blake2b(body, digest_size=12).hexdigest())


def as_listed(function: LiveFunction) -> dict[str, Any]:
    """Return a function as `GET /functions` shows it: the version of most workers, and how many there are."""
    return function.documents[0].as_json() | {
        "queues": list(function.queues),
        "workers": function.workers,
        "versions": len(function.documents),
    }


class Descriptions:
    """Makes each description once for each state of the fleet, in a thread.

    Args:
        live: The live functions; kept up to date elsewhere.
        base_path: What stands before all paths, such as `/jobgate`.
    """

    def __init__(self, live: LiveFunctions, base_path: str = "") -> None:
        self._live = live
        self._base_path = base_path
        self._listed: dict[str, LiveFunction] = {}
        #: When it was listed, and from what.
        self._listed_at, self._version = -_LISTED, ""
        self._listing_anew = asyncio.Lock()
        self._made: OrderedDict[bytes, Description] = OrderedDict()
        self._making: SharedReads[bytes, Description] = SharedReads()

    async def visible(self, may_see: Callable[[str], bool]) -> Sequence[LiveFunction]:
        """Return the functions that a caller may see, sorted by name.

        Args:
            may_see: Whether the caller may see the function with this name.

        Raises:
            BrokerUnavailable: Nothing is known yet, and Redis does not answer.
        """
        await self._live.be_sure()
        async with self._listing_anew:
            if self._version != self._live.version or monotonic() - self._listed_at > _LISTED:
                version = self._live.version
                self._listed = await asyncio.to_thread(_listed, self._live)
                self._listed_at, self._version = monotonic(), version
        return [one for name, one in self._listed.items() if may_see(name)]

    async def listing(self, may_see: Callable[[str], bool]) -> Description:
        """Return the list of the functions that a caller may see; arguments and errors as `visible`."""
        functions = await self.visible(may_see)
        state = [[*_state(one), one.workers, one.queues, len(one.documents)] for one in functions]
        return await self._described("list", state, partial(_listing, functions))

    async def openapi(self, may_see: Callable[[str], bool]) -> Description:
        """Return the OpenAPI document with an operation for each function that a caller may see."""
        functions = await self.visible(may_see)
        return await self._described(
            "openapi", list(map(_state, functions)), partial(self._openapi, functions)
        )

    def _openapi(self, functions: Sequence[LiveFunction]) -> dict[str, Any]:
        base = base_document()
        if self._base_path:
            # It is relative to where the document was fetched from, whatever name the gateway has there.
            base = {**base, "servers": [{"url": self._base_path}]}
        return live_document(base, [one.documents[0] for one in functions])

    async def _described(
        self, kind: str, state: list[Any], make: Callable[[], Mapping[str, Any]]
    ) -> Description:
        key = hashlib.sha256(orjson.dumps([kind, state])).digest()
        if (known := self._made.get(key)) is not None:
            self._made.move_to_end(key)
            return known
        return await self._making.read(key, partial(self._make, key, make))

    async def _make(self, key: bytes, make: Callable[[], Mapping[str, Any]]) -> Description:
        if (known := self._made.get(key)) is None:
            known = self._made[key] = await asyncio.to_thread(lambda: Description.of(make()))
            while len(self._made) > _MOST_REMEMBERED:
                self._made.popitem(last=False)
        return known


def _listed(live: LiveFunctions) -> dict[str, LiveFunction]:
    """Return the functions that a request can name."""
    return {name: one for name, one in live.all_functions().items() if why_not_function(name) is None}


def _state(function: LiveFunction) -> list[Any]:
    return [function.name, function.documents[0].digest]


def _listing(functions: Sequence[LiveFunction]) -> dict[str, Any]:
    return {"functions": list(map(as_listed, functions))}
