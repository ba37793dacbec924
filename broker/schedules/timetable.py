"""When something is due: arithmetic with calendar and time zone, no I/O.

A timetable is a set of times by the wall clock of a zone. Where that clock changes, for daylight saving or
otherwise, times are skipped (the clock is set forward) or come twice (it is set back). The rules:

- A timetable for **every hour** follows real time: it is due in both passes of the hour that comes twice, and
  the times of the skipped hour are dropped. An interval of a minute stays a minute all night.
- A timetable for **some hours** has each of its times once a day. A time that comes twice is due in the first
  pass. A time that is skipped is due later, by as much as the clock was set forward: 02:30 at 03:30.
"""

from bisect import bisect_left
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Self, TypeGuard

#: A field of a timetable: one value, several, or None for any.
Field = int | Collection[int] | None
#: The same for days of the week, by number (Monday = 0) or by name.
WeekdayField = int | str | Collection[int | str] | None

#: arq's names, and the usual spelling of two of them.
_WEEKDAYS = {
    "mon": 0, "tues": 1, "tue": 1, "wed": 2, "thurs": 3, "thu": 3, "fri": 4, "sat": 5, "sun": 6,
}  # fmt: skip
_SECOND, _DAY = timedelta(seconds=1), timedelta(days=1)
#: Days of each month. In some year every one of them falls on each day of the week, the 29th of February too.
_MONTH_DAYS = {month: 30 if month in (4, 6, 9, 11) else 29 if month == 2 else 31 for month in range(1, 13)}


class TimetableError(ValueError):
    """A field is out of range, or no day ever fits; the message names it."""


@dataclass(frozen=True, slots=True)
class _Change:
    """A moment at which the clock of a zone is set forward or back."""

    #: The first moment by the new clock, in UTC.
    at: datetime
    #: Offsets from UTC before and after.
    old: timedelta
    new: timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class Timetable:
    """The times at which something is due; all fields must fit, both day and weekday. Made by `of`."""

    months: frozenset[int]
    days: frozenset[int]
    weekdays: frozenset[int]
    #: In ascending order, as minutes and seconds.
    hours: tuple[int, ...]
    minutes: tuple[int, ...]
    seconds: tuple[int, ...]
    microsecond: int

    @classmethod
    def of(
        cls,
        *,
        month: Field = None,
        day: Field = None,
        weekday: WeekdayField = None,
        hour: Field = None,
        minute: Field = None,
        second: Field = 0,
        microsecond: int = 123_456,
    ) -> Self:
        """Make a timetable from the fields of `cron`.

        Raises:
            TimetableError: A field is out of range, or no day ever fits; the message names it.
        """
        made = cls(
            months=frozenset(_values("month", month, 1, 12)),
            days=frozenset(_values("day", day, 1, 31)),
            weekdays=frozenset(_values("weekday", _numbered(weekday), 0, 6)),
            hours=_values("hour", hour, 0, 23),
            minutes=_values("minute", minute, 0, 59),
            seconds=_values("second", second, 0, 59),
            microsecond=microsecond,
        )
        if type(microsecond) is not int or not 0 <= microsecond <= 999_999:
            raise TimetableError(f"cron: microsecond must be a number from 0 to 999999, not {microsecond!r}")
        if not any(day <= _MONTH_DAYS[month] for month in made.months for day in made.days):
            raise TimetableError("cron: no day has this month and day, so the job would never run")
        return made

    def next_after(self, moment: datetime, zone: tzinfo | None = UTC) -> datetime:
        """Return the next time that is due, in UTC.

        As in arq it is never in the second of `moment`, but in the next one or later: for 123456 microseconds
        of every second, the answer at 12:00:00.0 is 12:00:01.123456.

        Args:
            moment: An aware time, in any zone.
            zone: The zone of the wall clock; None = the system's, with its changes.
        """
        begin = (moment.astimezone(UTC) + _SECOND).replace(microsecond=0)
        return self._first_from(begin, zone).replace(microsecond=self.microsecond)

    @property
    def _every_hour(self) -> bool:
        return len(self.hours) == 24

    def _first_from(self, begin: datetime, zone: tzinfo | None) -> datetime:
        """Return the first whole second at or after `begin`, from change to change of the clock."""
        while True:
            begin, late = self._after_last_change(begin, zone)
            due = self._match(begin, _offset(begin, zone))
            if late is not None and late <= due:
                return late
            if due - begin > 3 * _DAY:
                begin = due - 2 * _DAY  # nothing fits before, and that day's clock decides
            elif change := _change(begin, due, zone):
                begin = change.at
            else:
                return due

    def _after_last_change(self, begin: datetime, zone: tzinfo | None) -> tuple[datetime, datetime | None]:
        """Return where to search from after a recent change of the clock, and the time that it skipped."""
        if self._every_hour or (change := _change(begin - _DAY, begin, zone)) is None:
            return begin, None
        until = change.at + abs(change.new - change.old)
        if change.new < change.old:
            return max(begin, until), None  # the times before that come for the second time
        late = self._match(begin, change.old)
        return begin, late if late < until else None

    def _match(self, begin: datetime, offset: timedelta) -> datetime:
        """Return the first second that fits, at or after `begin`, by a clock with a fixed offset."""
        wall = begin + offset
        day = self._day_from(wall.date())
        fits = self._time_from(wall.time()) if day == wall.date() else self._earliest
        if fits is None:
            day, fits = self._day_from(day + _DAY), self._earliest
        return datetime.combine(day, fits, UTC) - offset

    @property
    def _earliest(self) -> time:
        return time(self.hours[0], self.minutes[0], self.seconds[0])

    def _day_from(self, day: date) -> date:
        """Return the first day that fits, at or after `day`."""
        while True:
            if day.month not in self.months:
                day = date(day.year + day.month // 12, day.month % 12 + 1, 1)
            elif day.day not in self.days or day.weekday() not in self.weekdays:
                day += _DAY
            else:
                return day

    def _time_from(self, start: time) -> time | None:
        """Return the first time of day that fits, at or after `start`; None when the day is over."""
        for hour in self.hours[bisect_left(self.hours, start.hour) :]:
            first_minute = start.minute if hour == start.hour else 0
            for minute in self.minutes[bisect_left(self.minutes, first_minute) :]:
                same_minute = (hour, minute) == (start.hour, start.minute)
                for second in self.seconds[bisect_left(self.seconds, start.second if same_minute else 0) :]:
                    return time(hour, minute, second)
        return None


def _values(name: str, field: object, least: int, most: int) -> tuple[int, ...]:
    """Return the values of a field in ascending order."""
    if field is None:
        return tuple(range(least, most + 1))
    given = field if _is_collection(field) else (field,)
    values = {value for value in given if isinstance(value, int) and least <= value <= most}
    if not values or not values.issuperset(given):
        raise TimetableError(f"cron: {name} must be a number from {least} to {most} or a set, not {field!r}")
    return tuple(sorted(values))


def _numbered(field: object) -> object:
    """Return the number of a weekday, or those of several; other values are returned as they are."""
    if isinstance(field, str):
        return _WEEKDAYS.get(field.lower(), field)
    return {_numbered(each) for each in field} if _is_collection(field) else field


def _is_collection(field: object) -> TypeGuard[Collection[object]]:
    return isinstance(field, Collection) and not isinstance(field, str | bytes | dict)


def _offset(moment: datetime, zone: tzinfo | None) -> timedelta:
    """Return the offset of a zone's clock from UTC, in the one way that works for every kind of tzinfo."""
    return moment.astimezone(zone).utcoffset() or timedelta()


def _change(begin: datetime, end: datetime, zone: tzinfo | None) -> _Change | None:
    """Return the change of the clock after `begin` and until `end`; in a few days there is one at most."""
    old, new = _offset(begin, zone), _offset(end, zone)
    if old == new:
        return None
    span = range(int((end - begin) / _SECOND) + 1)
    seconds = bisect_left(span, True, key=lambda passed: _offset(begin + passed * _SECOND, zone) != old)
    return _Change(begin + seconds * _SECOND, old, new)
