"""Reads the catalogues of live workers, and remembers them: a catalogue never changes under its digest."""

import logging
import re
from collections.abc import Awaitable, Callable, Container
from functools import partial
from time import monotonic

from jobgate.broker.catalogue import LONGEST_CATALOGUE, Catalogue
from jobgate.broker.errors import BrokerError, BrokerUnavailable, DecodeError
from jobgate.broker.fleet.shared_reads import SharedReads
from jobgate.broker.part import Part
from jobgate.broker.scripts import script

logger = logging.getLogger("jobgate.broker")

#: Most catalogues that are remembered, with how many functions, and about how many bytes of memory they may
#: take.
MOST_CATALOGUES = 64
MOST_FUNCTIONS = 10_000
MOST_WEIGHT = 64 * 1024 * 1024
#: Seconds for one to arrive, which requests may be waiting for.
_READ_TIMEOUT = 3.0
#: Seconds until a catalogue that could not be read, or for which there was no room, is read again.
_PAUSE = 10.0
#: The same after Redis did not answer.
_SHORT_PAUSE = 1.0
_DIGEST = re.compile(r"[0-9a-f]{64}")


class CataloguePart(Part):
    """Reads what workers have published (catalogue.lua)."""

    async def catalogue(self, digest: str) -> Catalogue | None:
        """Return the catalogue of the workers that announce this digest; None = it is not there.

        Raises:
            DecodeError: The key holds something else, or it is too long; it was not transferred in full.
        """
        stored = await self._core.link.read(
            script("catalogue"),
            [self.keys.catalogue(digest)],
            [LONGEST_CATALOGUE],
            timeout=_READ_TIMEOUT,
        )
        if stored is None:
            return None
        if not isinstance(stored, bytes):
            raise DecodeError("the stored functions of a worker are too long, or something else")
        return await self._core.decoder.catalogue(stored, digest)


class RememberedCatalogues:
    """Remembers catalogues by digest. One that is not in use is dropped when there are too many.

    Args:
        read: Returns a catalogue; None = it is not there.
    """

    def __init__(self, read: Callable[[str], Awaitable[Catalogue | None]]) -> None:
        self._read = read
        self._reads: SharedReads[str, Catalogue | None] = SharedReads()
        #: The oldest first.
        self._known: dict[str, Catalogue] = {}
        #: Digest -> when it may be read again, by the monotonic clock.
        self._pauses: dict[str, float] = {}

    async def get(self, digest: str, in_use: Container[str]) -> Catalogue | None:
        """Return a catalogue; None = it is not there, or cannot be read now.

        Args:
            digest: As a worker announces it, which may be any text.
            in_use: The digests that must not make room for others.
        """
        known = self._known.get(digest)
        if known is None and self._may_read(digest):
            return await self._reads.read(digest, partial(self._fetch, digest, in_use))
        return known

    def _may_read(self, digest: str) -> bool:
        now = monotonic()
        self._pauses = {each: until for each, until in self._pauses.items() if until > now}
        # With so many that cannot be read, somebody plays with them.
        is_paused = digest in self._pauses or len(self._pauses) >= MOST_CATALOGUES
        return not is_paused and _DIGEST.fullmatch(digest) is not None

    async def _fetch(self, digest: str, in_use: Container[str]) -> Catalogue | None:
        if digest in self._known:
            return self._known[digest]
        try:
            found = await self._read(digest)
        except BrokerError as error:
            logger.debug("could not read the functions of a worker: %s", error)
            pause = _SHORT_PAUSE if isinstance(error, BrokerUnavailable) else _PAUSE
            self._pauses[digest] = monotonic() + pause
            return None
        if found is not None and not self._remember(digest, found, in_use):
            self._pauses[digest] = monotonic() + _PAUSE
            return None
        return found

    def _remember(self, digest: str, found: Catalogue, in_use: Container[str]) -> bool:
        """Remember a catalogue, if there is room."""
        unused = [each for each in self._known if each not in in_use]
        while not self._has_room(found):
            if not unused:
                return False
            del self._known[unused.pop(0)]
        self._known[digest] = found
        return True

    def _has_room(self, catalogue: Catalogue) -> bool:
        together = (*self._known.values(), catalogue)
        return (
            len(together) <= MOST_CATALOGUES
            and sum(len(one.functions) for one in together) <= MOST_FUNCTIONS
            and sum(one.weight for one in together) <= MOST_WEIGHT
        )
