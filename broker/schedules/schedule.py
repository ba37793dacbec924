"""The times of a cron job as its worker publishes them, beside the document of its function.

They do not change while the worker lives, so they are part of its catalogue, and heartbeats carry nothing
more. Whoever reads them computes the next runs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final, Literal

from jobgate.broker.schedules.timetable import Timetable, TimetableError
from jobgate.broker.schedules.zones import zone_called

_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SECOND: Final = timedelta(seconds=1)
#: Most schedules of one function that are read, and characters of a text in them.
_MOST_SCHEDULES: Final = 20
_LONGEST_TEXT: Final = 512
#: Field of a schedule -> the member of a timetable, and all values that it may have.
_FIELDS: Final[Mapping[str, tuple[str, range]]] = {
    "month": ("months", range(1, 13)),
    "day": ("days", range(1, 32)),
    "weekday": ("weekdays", range(7)),
    "hour": ("hours", range(24)),
    "minute": ("minutes", range(60)),
    "second": ("seconds", range(60)),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """When a function runs by itself, and where its jobs go."""

    #: The queue that its jobs go to.
    queue: str
    timetable: Timetable
    #: Name of the zone of its wall clock, or an offset such as `+05:30`; None = it has no name.
    timezone: str | None
    #: Whether all workers together run it once at each time.
    unique: bool = True
    #: True: once for each worker that starts; "once": once for all that start together.
    run_at_startup: bool | Literal["once"] = False
    #: The id of all its jobs; None = each has its own.
    job_id: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as it is published."""
        return {
            "queue": self.queue,
            **self.fields(),
            "microsecond": self.timetable.microsecond,
            "timezone": self.timezone,
            "unique": self.unique,
            "run_at_startup": self.run_at_startup,
            "job_id": self.job_id,
        }

    def fields(self) -> dict[str, list[int] | None]:
        """Return the values of each field of its timetable; None = any."""
        found = {name: sorted(getattr(self.timetable, member)) for name, (member, _) in _FIELDS.items()}
        return {name: None if len(found[name]) == len(_FIELDS[name][1]) else found[name] for name in found}

    def named_fields(self) -> dict[str, list[int] | list[str] | None]:
        """Return the values of each field for people: days of the week by name."""
        days = self.fields()["weekday"]
        return {**self.fields(), "weekday": None if days is None else [_WEEKDAYS[day] for day in days]}

    @property
    def zone(self) -> tzinfo | None:
        """Its zone; None = this machine does not know it, so that its runs cannot be computed."""
        return None if self.timezone is None else zone_called(self.timezone)

    def runs_after(self, moment: datetime, zone: tzinfo) -> Iterator[datetime]:
        """Yield the times at which it is due after a moment, for as long as the calendar goes."""
        while True:
            try:
                moment = self.timetable.next_after(moment, zone)
            except (ValueError, OverflowError):
                return
            yield moment

    def last_before(self, moment: datetime, zone: tzinfo) -> datetime | None:
        """Return the last time at which it was due until a moment; None = not within two years."""
        back = timedelta(minutes=2)
        while back < timedelta(days=800):
            if (found := self.timetable.next_after(moment - back, zone)) <= moment:
                return self._latest(found, moment, zone)
            back *= 2
        return None

    def _latest(self, low: datetime, until: datetime, zone: tzinfo) -> datetime:
        """Return the last time until a moment; `low` is one. They may be many, so it is found by halves."""
        high = until
        while True:
            middle = low + max(high - low, timedelta()) / 2 if high - low > _SECOND else low
            found = self.timetable.next_after(middle, zone)
            if found <= until:
                low = found
            elif middle == low:
                return low
            else:
                high = middle


def read_schedules(found: Any, *, most: int = _MOST_SCHEDULES) -> tuple[Schedule, ...]:
    """Return the published schedules of a function, without those that cannot be read.

    Anybody may have written them.

    Args:
        found: What is published of them.
        most: How many are read, if fewer than usual.
    """
    if not isinstance(found, list):
        return ()
    read = (_schedule(each) for each in found[: min(most, _MOST_SCHEDULES)])
    return tuple(dict.fromkeys(each for each in read if each is not None))


def _schedule(found: Any) -> Schedule | None:
    if not isinstance(found, dict):
        return None
    queue, zone, job_id = found.get("queue"), found.get("timezone"), found.get("job_id")
    at_startup = found.get("run_at_startup", False)
    if not isinstance(queue, str):
        return None
    is_sound = _is_text(queue) and all(one is None or _is_text(one) for one in (zone, job_id))
    if not is_sound or not (isinstance(at_startup, bool) or at_startup == "once"):
        return None
    try:
        timetable = Timetable.of(
            **{name: _field(found.get(name)) for name in _FIELDS}, microsecond=found.get("microsecond", 0)
        )
    except (TimetableError, TypeError):
        return None
    return Schedule(
        queue=queue, timetable=timetable, timezone=zone, unique=found.get("unique") is not False,
        run_at_startup=at_startup, job_id=job_id,
    )  # fmt: skip


def _field(found: Any) -> Any:
    """Return the values of a field, which are few; raises TimetableError for anything else."""
    if found is None:
        return None
    if not isinstance(found, list) or len(found) > 60 or not all(type(one) is int for one in found):
        raise TimetableError("the values of a field must be a list of numbers")
    return found


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_TEXT
