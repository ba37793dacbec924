"""What the live workers of one queue offer, put together from their catalogues."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from jobgate.broker.bodies import WorkerRecord
from jobgate.broker.catalogue import Catalogue, FunctionDocument


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveFunction:
    """A function that live workers offer."""

    name: str
    #: What they publish of it: one document for each version that is live, in an order that stays.
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
        for record in records:
            workers.setdefault(record.catalogue or "", set()).add(record.worker_id)
        has_unknown = not workers.keys() <= found.keys()
        return Offers(
            functions=self.functions if is_same else _merged(found.values()),
            catalogues=self.catalogues if is_same else found,
            workers={digest: frozenset(ids) for digest, ids in workers.items()},
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
    workers = _workers(queues.values())
    return {
        name: LiveFunction(
            name=name,
            documents=_distinct(queues[queue].functions[name] for queue in places[name]),
            queues=tuple(places[name]),
            workers=len(workers[name]),
        )
        for name in sorted(places)
    }


def _workers(all_offers: Collection[Offers]) -> dict[str, frozenset[str]]:
    """Return the ids of the workers that offer each function; a worker may serve several queues."""
    ids: dict[str, frozenset[str]] = {}
    for offers in all_offers:
        for digest, workers in offers.workers.items():
            ids[digest] = ids.get(digest, frozenset()) | workers
    found: dict[str, frozenset[str]] = {}
    for digest, catalogue in {
        digest: one for each in all_offers for digest, one in each.catalogues.items()
    }.items():
        for name in catalogue.functions:
            found[name] = found[name] | ids[digest] if name in found else ids[digest]
    return found


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
