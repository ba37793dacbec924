"""What the parts of a `Broker` have in common."""

from dataclasses import dataclass, field
from typing import Final

from jobgate.broker.bodies import Codec, Decoder
from jobgate.broker.keys import Keys
from jobgate.broker.link import DataSet, Link

#: Finished jobs of a queue, and failed ones, that can be listed: about 12 MB of Redis' memory each.
DEFAULT_INDEX_LIMIT: Final = 100_000


@dataclass(frozen=True, slots=True)
class Core:
    """The link to Redis, the key names of one namespace, and how bodies are written and read."""

    link: Link
    keys: Keys
    codec: Codec
    decoder: Decoder
    #: Most entries of each index of ended jobs.
    index_limit: int
    data_set: DataSet = field(default_factory=DataSet)


class Part:
    """One concern of a `Broker`, which inherits from all its parts.

    A part with state extends `__init__`; one with pending calls or connections extends `_drain`.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        #: The key names of the namespace.
        self.keys = core.keys

    async def _drain(self) -> None:
        """Wait for pending calls, and close the part's own connections."""
