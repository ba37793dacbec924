"""The cron jobs of live workers: those with the same times are one, however many workers have them."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from jobgate.broker.fleet.offers import Offers
from jobgate.broker.schedules import Schedule


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveSchedule:
    """A cron job that live workers have."""

    #: Name of its function.
    function: str
    schedule: Schedule
    #: Number of live workers that have it.
    workers: int
    #: When the first of them started, in unix ms.
    since_ms: int
    #: What the function does, in a line; None = it does not say.
    description: str | None
    #: Run limit in seconds; None = no limit.
    timeout: float | None
    #: Starts allowed; None = unknown.
    max_tries: int | None

    @property
    def schedule_id(self) -> str:
        """A unique name: the function's, and a digest of the times."""
        stored = orjson.dumps(self.schedule.as_json())
        return f"{self.function}.{hashlib.sha256(stored).hexdigest()[:12]}"


def live_schedules(all_offers: Iterable[Offers]) -> list[LiveSchedule]:
    """Return the cron jobs of the workers that make these offers, sorted by id."""
    found: dict[tuple[str, Schedule], list[tuple[Offers, str]]] = {}
    for offers in all_offers:
        for digest, catalogue in offers.catalogues.items():
            for name, document in catalogue.functions.items():
                for schedule in document.schedules:
                    found.setdefault((name, schedule), []).append((offers, digest))
    made = [_together(name, schedule, places) for (name, schedule), places in found.items()]
    return sorted(made, key=lambda one: one.schedule_id)


def _together(name: str, schedule: Schedule, places: list[tuple[Offers, str]]) -> LiveSchedule:
    offers, digest = places[0]
    document = offers.catalogues[digest].functions[name]
    workers = frozenset().union(*(offers.workers.get(digest, ()) for offers, digest in places))
    return LiveSchedule(
        function=name,
        schedule=schedule,
        workers=len(workers),
        since_ms=min(offers.since_ms.get(digest, 0) for offers, digest in places),
        description=(document.description or "").strip().partition("\n")[0] or None,
        timeout=document.timeout,
        max_tries=document.max_tries,
    )
