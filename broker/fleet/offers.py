"""What the live workers of one queue offer, put together from their catalogues."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from jobgate.broker.bodies import WorkerRecord
from jobgate.broker.catalogue import Catalogue, FunctionDocument


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveFunction:
    """A function that live workers offer."""

    name: str
    #: What they publish of it: one document for each version that is live. The first one is that of most
    #: workers; where numbers are equal, the order stays.
    documents: tuple[FunctionDocument, ...]
    #: The queues in which they offer it, sorted.
    queues: tuple[str, ...]
    #: Number of live workers that offer it.
    workers: int


@dataclass(frozen=True, slots=True)
class Offers:
    """What was last read of the live workers of one queue."""

    #: Function -> its documents, distinct, by digest.
    functions: Mapping[str, tuple[FunctionDocument, ...]] = field(default_factory=dict)
    #: Digest -> the catalogue, of those that could be read.
    catalogues: Mapping[str, Catalogue] = field(default_factory=dict)
    #: Digest -> ids of the workers that announce it.
    workers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    #: Digest -> when the first of these workers started, in unix ms.
    since_ms: Mapping[str, int] = field(default_factory=dict)
    #: Whether the functions of a live worker are not known.
    has_unknown: bool = False
    #: Whether a live worker may offer more than `functions`.
    may_have_more: bool = False

    def after(self, records: Sequence[WorkerRecord], catalogues: Mapping[str, Catalogue]) -> "Offers":
        """Return what these workers offer; the functions stay the same object while nothing changes.

        Args:
            records: The live workers.
            catalogues: Those of their catalogues that could be read.
        """
        found = {digest: one for digest, one in catalogues.items() if one.functions}
        is_same = found.keys() == self.catalogues.keys()
        workers: dict[str, set[str]] = {}
        since: dict[str, int] = {}
        for record in records:
            digest, start = record.catalogue or "", record.start_time_ms
            workers.setdefault(digest, set()).add(record.worker_id)
            since[digest] = min(since.get(digest, start), start)
        has_unknown = not workers.keys() <= found.keys()
        return Offers(
            functions=self.functions if is_same else _merged(found.values()),
            catalogues=self.catalogues if is_same else found,
            workers={digest: frozenset(ids) for digest, ids in workers.items()},
            since_ms=since,
            has_unknown=has_unknown,
            may_have_more=has_unknown or not all(one.is_whole for one in found.values()),
        )

    @property
    def publishes(self) -> bool:
        """Whether a live worker says that it publishes its functions."""
        return any(self.workers)


def together(queues: Mapping[str, Offers]) -> dict[str, LiveFunction]:
    """Return what the workers of several queues offer, sorted by name.

    Args:
        queues: Name of the queue -> what its workers offer.
    """
    places: dict[str, list[str]] = {}
    for queue in sorted(queues):
        for name in queues[queue].functions:
            places.setdefault(name, []).append(queue)
    announced = _Announced(queues.values())
    return {
        name: LiveFunction(
            name=name,
            documents=announced.by_workers(
                name, _distinct(queues[queue].functions[name] for queue in places[name])
            ),
            queues=tuple(places[name]),
            workers=len(announced.workers[name]),
        )
        for name in sorted(places)
    }


class _Announced:
    """Which workers announce what; a worker may serve several queues."""

    def __init__(self, all_offers: Collection[Offers]) -> None:
        self._catalogues = {digest: one for each in all_offers for digest, one in each.catalogues.items()}
        self._ids: dict[str, frozenset[str]] = {}
        for offers in all_offers:
            for digest, workers in offers.workers.items():
                self._ids[digest] = self._ids.get(digest, frozenset()) | workers
        #: Function -> ids of the workers that offer it.
        self.workers: dict[str, frozenset[str]] = {}
        for digest, catalogue in self._catalogues.items():
            for name in catalogue.functions:
                known, ids = self.workers.get(name), self._ids[digest]
                self.workers[name] = ids if known is None else known | ids

    def by_workers(self, name: str, documents: tuple[FunctionDocument, ...]) -> tuple[FunctionDocument, ...]:
        """Return the documents of a function, that of most workers first."""
        if len(documents) == 1:
            return documents
        ids: dict[str, frozenset[str]] = {}
        for digest, catalogue in self._catalogues.items():
            if (document := catalogue.functions.get(name)) is not None:
                ids[document.digest] = ids.get(document.digest, frozenset()) | self._ids[digest]
        return tuple(sorted(documents, key=lambda one: (-len(ids[one.digest]), one.digest)))


def _distinct(groups: Iterable[tuple[FunctionDocument, ...]]) -> tuple[FunctionDocument, ...]:
    first, *others = groups
    if not others:
        return first
    documents = {one.digest: one for group in (first, *others) for one in group}
    return tuple(documents[digest] for digest in sorted(documents))


def _merged(catalogues: Iterable[Catalogue]) -> dict[str, tuple[FunctionDocument, ...]]:
    merged: dict[str, tuple[FunctionDocument, ...]] = {}
    for catalogue in catalogues:
        for name, document in catalogue.functions.items():
            merged[name] = _distinct((merged[name], (document,))) if name in merged else (document,)
    return merged
