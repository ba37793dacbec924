"""Cron jobs as they are stated, and their times, changes of the clock included."""

import itertools
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from harness.zones import zone_named
from jobgate.broker import Timetable
from jobgate.worker import CronJob, Settings, SettingsError, cron, func, next_cron
from jobgate.worker.cron_jobs.cron_job import as_cron_job


async def report(ctx: dict[str, Any]) -> None: ...


def following(zone: str, start: str, count: int, **fields: Any) -> list[str]:
    """The next times after `start` (in UTC), by the wall clock with its difference to UTC."""
    timetable, tz = Timetable.of(microsecond=0, **fields), zone_named(zone)
    moment, times = datetime.fromisoformat(start).replace(tzinfo=UTC), []
    for _ in range(count):
        moment = timetable.next_after(moment, tz)
        times.append(moment.astimezone(tz).strftime("%d %H:%M %Z"))
    return times


# -- how they are stated


def test_a_cron_job_has_arqs_defaults() -> None:
    job = cron(report)
    assert (job.name, job.unique, job.run_at_startup, job.job_id) == ("cron:report", True, False, None)
    limits = job.function
    assert (limits.timeout_s, limits.keep_result_s, limits.keep_result_forever) == (None, 0, False)
    assert (limits.max_tries, limits.coroutine) == (1, report)
    assert (job.timetable.seconds, job.timetable.microsecond) == ((0,), 123_456)


def test_names() -> None:
    assert cron(report, name="nightly").name == "nightly"
    assert cron("os.path.basename").name == "cron:os.path.basename"


def test_arqs_own_cron_job_is_known_by_its_shape() -> None:
    @dataclass
    class ArqCronJob:
        name: str = "cron:report"
        coroutine: Any = report
        month: Any = None
        day: Any = None
        weekday: Any = "tues"
        hour: Any = None
        minute: Any = frozenset({0, 30})
        second: Any = 0
        microsecond: int = 5
        run_at_startup: bool = True
        unique: bool = False
        job_id: str | None = "one"
        timeout_s: float | None = 3
        keep_result_s: float | None = None
        keep_result_forever: bool | None = None
        max_tries: int | None = 2
        next_run: datetime | None = None

    expected = cron(
        report, weekday=1, minute=[30, 0], microsecond=5, run_at_startup=True, unique=False, job_id="one",
        timeout=3, keep_result=None, keep_result_forever=None, max_tries=2,
    )  # fmt: skip
    assert as_cron_job(ArqCronJob()) == expected
    assert as_cron_job(expected) is expected


def test_settings_offer_the_functions_of_cron_jobs() -> None:
    settings = Settings.of({"functions": [func(report, name="a")], "cron_jobs": [cron(report), cron(report)]})
    assert [function.name for function in settings.functions] == ["a", "cron:report"]
    assert [job.name for job in settings.cron_jobs] == ["cron:report", "cron:report"]
    again = Settings.of(settings)
    assert again == settings


def test_cron_jobs_alone_are_enough_and_win_over_functions_of_their_name() -> None:
    job = cron(report, name="report")
    settings = Settings.of({"functions": [report], "cron_jobs": [job], "timezone": "Europe/Berlin"})
    assert list(settings.functions) == [job.function]
    assert settings.timezone == ZoneInfo("Europe/Berlin")
    assert Settings.of({"cron_jobs": (job,)}).functions == (job.function,)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"month": 0}, "month must be a number from 1 to 12"),
        ({"day": 32}, "day must be a number from 1 to 31"),
        ({"weekday": 7}, "weekday must be a number from 0 to 6"),
        ({"weekday": "someday"}, "weekday must be"),
        ({"weekday": {"mon", "someday"}}, "weekday must be"),
        ({"hour": {3, 24}}, "hour must be a number from 0 to 23"),
        ({"minute": -1}, "minute must be a number from 0 to 59"),
        ({"minute": "5"}, "minute must be"),
        ({"minute": 0.5}, "minute must be"),
        ({"minute": set()}, "minute must be"),
        ({"second": 60}, "second must be a number from 0 to 59"),
        ({"microsecond": 1_000_000}, "microsecond must be a number from 0 to 999999"),
        ({"microsecond": {5}}, "microsecond must be"),
        ({"month": {2, 4}, "day": 31}, "the job would never run"),
        ({"run_at_startup": "twice"}, "run_at_startup must be True, False or 'once'"),
        ({"max_tries": 0}, "max_tries"),
    ],
)
def test_what_cannot_be_used_is_named(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        cron(report, **fields)


# -- times


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"second": None}, "2026-03-01T12:00:01"),
        ({}, "2026-03-01T12:01:00"),
        ({"minute": {0, 20}}, "2026-03-01T12:20:00"),
        ({"minute": 0}, "2026-03-01T13:00:00"),
        ({"hour": 3, "minute": 30}, "2026-03-02T03:30:00"),
        ({"hour": 12, "minute": 0, "second": 0}, "2026-03-02T12:00:00"),
        ({"weekday": "sun", "hour": 12, "minute": 0}, "2026-03-08T12:00:00"),
        ({"weekday": ["Sat", 6], "hour": 13, "minute": 0}, "2026-03-01T13:00:00"),
        ({"day": 31, "hour": 0, "minute": 0}, "2026-03-31T00:00:00"),
        ({"month": 2, "day": 29, "hour": 0, "minute": 0}, "2028-02-29T00:00:00"),
        ({"month": 2, "day": 29, "weekday": 0, "hour": 0, "minute": 0}, "2044-02-29T00:00:00"),
        ({"month": 12, "day": 31, "hour": 23, "minute": 59, "second": 59}, "2026-12-31T23:59:59"),
    ],
)
def test_the_next_time(fields: dict[str, Any], expected: str) -> None:
    start = datetime(2026, 3, 1, 12)  # noqa: DTZ001 - a naive time is taken as it is
    assert next_cron(start, microsecond=0, **fields).isoformat() == expected
    aware = next_cron(start.replace(tzinfo=UTC), microsecond=7, **fields)
    assert aware.isoformat() == f"{expected}.000007+00:00"


def test_each_time_follows_the_one_before() -> None:
    moment = datetime(2026, 2, 27, 23, 59, 57, 999_999, tzinfo=UTC)
    times = []
    for _ in range(4):
        moment = next_cron(moment, second=None)
        times.append(moment.strftime("%H:%M:%S.%f"))
    assert times == ["23:59:58.123456", "23:59:59.123456", "00:00:00.123456", "00:00:01.123456"]


# -- changes of the clock: in Berlin at 01:00 UTC, forward from 02:00 to 03:00, back from 03:00 to 02:00

SPRING, AUTUMN = "2026-03-29", "2026-10-25"


@pytest.mark.parametrize(
    ("start", "fields", "expected"),
    [
        # Every hour: real time, no pause and no pile.
        (f"{SPRING} 00:20", {"minute": {0, 30}}, ["29 01:30 CET", "29 03:00 CEST", "29 03:30 CEST"]),
        (
            f"{AUTUMN} 00:20",
            {"minute": {0, 30}},
            ["25 02:30 CEST", "25 02:00 CET", "25 02:30 CET", "25 03:00 CET"],
        ),
        (f"{AUTUMN} 01:20", {"minute": {0, 30}}, ["25 02:30 CET", "25 03:00 CET"]),
        # Some hours: once each day, later by the hour that is left out, at the first of two.
        (
            "2026-03-28 01:00",
            {"hour": 2, "minute": 30},
            ["28 02:30 CET", "29 03:30 CEST", "30 02:30 CEST"],
        ),
        (f"{SPRING} 01:10", {"hour": 2, "minute": 30}, ["29 03:30 CEST", "30 02:30 CEST"]),
        (f"{SPRING} 01:30", {"hour": 2, "minute": 30}, ["30 02:30 CEST"]),
        (f"{SPRING} 00:00", {"hour": {2, 3}, "minute": 30}, ["29 03:30 CEST", "30 02:30 CEST"]),
        (f"{SPRING} 00:00", {"hour": {1, 3}, "minute": 15}, ["29 01:15 CET", "29 03:15 CEST"]),
        ("2026-10-24 01:00", {"hour": 2, "minute": 30}, ["25 02:30 CEST", "26 02:30 CET"]),
        (f"{AUTUMN} 00:40", {"hour": 2, "minute": 30}, ["26 02:30 CET"]),
        (f"{AUTUMN} 01:10", {"hour": 2, "minute": 30}, ["26 02:30 CET"]),
        (f"{AUTUMN} 01:10", {"hour": {2, 3}, "minute": 30}, ["25 03:30 CET", "26 02:30 CET"]),
    ],
)
def test_times_where_the_clock_is_changed(start: str, fields: dict[str, Any], expected: list[str]) -> None:
    assert following("Europe/Berlin", start, len(expected), **fields) == expected


def test_a_job_at_a_fixed_hour_stays_at_it_through_years() -> None:
    timetable, zone = Timetable.of(hour=9, minute=0, microsecond=0), zone_named("Europe/Berlin")
    moment, days = datetime(2024, 1, 1, tzinfo=UTC), []
    for _ in range(800):
        moment = timetable.next_after(moment, zone)
        local = moment.astimezone(zone)
        assert (local.hour, local.minute) == (9, 0)
        days.append(local.date())
    assert all(after - before == timedelta(days=1) for before, after in itertools.pairwise(days))


#: Forward or back by an hour, by half an hour, at midnight, by a day, and four times a year.
ZONES = (
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Pacific/Apia",
    "Africa/Casablanca", "UTC",
)  # fmt: skip


def fits(timetable: Timetable, wall: datetime) -> bool:
    # What most do not fit comes first.
    time_fits = wall.minute in timetable.minutes and wall.hour in timetable.hours and wall.second == 0
    date_fits = time_fits and wall.month in timetable.months and wall.day in timetable.days
    return date_fits and wall.weekday() in timetable.weekdays


def by_definition(timetable: Timetable, moment: datetime, zone: tzinfo) -> datetime | None:
    """Go through three days minute by minute and apply the rule as it is written in timetable.py."""
    minute = timedelta(minutes=1)
    if len(timetable.hours) == 24:
        first = moment.replace(second=0, microsecond=0)
        moments = [first + number * minute for number in range(1, 3 * 1440)]
        real = [each for each in moments if fits(timetable, each.astimezone(zone).replace(tzinfo=None))]
    else:
        first = moment.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0) - timedelta(days=2)
        walls = [first + number * minute for number in range(5 * 1440)]
        # PEP 495: fold=0 is the first of two, and the old clock's where neither exists.
        real = [wall.replace(tzinfo=zone).astimezone(UTC) for wall in walls if fits(timetable, wall)]
    return min((each for each in real if each > moment), default=None)


def changes(zone: tzinfo) -> list[datetime]:
    start = datetime(2010, 1, 1, tzinfo=UTC)
    days = changes_among([start + timedelta(days=number) for number in range(16 * 365)], zone)
    hours = [[day - timedelta(hours=24 - number) for number in range(25)] for day in days]
    return [change for of_a_day in hours for change in changes_among(of_a_day, zone)] or [start]


def changes_among(moments: list[datetime], zone: tzinfo) -> list[datetime]:
    pairs = itertools.pairwise((moment, offset(moment, zone)) for moment in moments)
    return [after for (_, old), (after, new) in pairs if old != new]


def offset(moment: datetime, zone: tzinfo) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()


@pytest.mark.parametrize("name", ZONES)
def test_the_rule_holds_around_every_kind_of_change(name: str) -> None:
    chance, zone = random.Random(name), zone_named(name)
    around = changes(zone)
    for _ in range(60):
        hours = chance.choice([None, None, {1}, {2}, {0, 1, 2, 3}, {chance.randrange(24) for _ in range(3)}])
        minutes = chance.choice([None, 0, {chance.randrange(60) for _ in range(3)}])
        weekdays = chance.choice([None, None, {chance.randrange(7) for _ in range(4)}])
        timetable = Timetable.of(weekday=weekdays, hour=hours, minute=minutes, microsecond=0)
        moment = chance.choice(around) + timedelta(seconds=chance.randrange(-30 * 3600, 30 * 3600))
        moment = moment.replace(second=chance.randrange(59))
        expected = by_definition(timetable, moment, zone)
        if expected is not None:  # else it lies beyond the days that were looked at
            assert timetable.next_after(moment, zone) == expected, (moment, timetable)


class OffsetZone(tzinfo):
    """A zone in pytz's manner: each difference is an instance, and only `fromutc` finds the right one."""

    def __init__(self, real: ZoneInfo, at: datetime | None = None) -> None:
        self._real = real
        self._offset = (at.astimezone(real) if at else datetime(1890, 1, 1, tzinfo=real)).utcoffset()

    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        return self._offset

    def dst(self, dt: datetime | None) -> timedelta:
        return timedelta()

    def tzname(self, dt: datetime | None) -> str:
        return "pytz's manner"

    def fromutc(self, dt: datetime) -> datetime:
        right = OffsetZone(self._real, dt.replace(tzinfo=UTC))
        return (dt + (right.utcoffset(dt) or timedelta())).replace(tzinfo=right)


def test_zones_in_pytzs_manner_follow_their_changes() -> None:
    zone = zone_named("Europe/Berlin")
    timetable, moment = Timetable.of(hour=9, minute=0), datetime(2026, 3, 27, tzinfo=UTC)
    for _ in range(4):
        expected = timetable.next_after(moment, zone)
        assert timetable.next_after(moment, OffsetZone(zone)) == expected
        moment = expected


@pytest.fixture
def system_in_berlin() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "CET-1CEST,M3.5.0,M10.5.0/3"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.usefixtures("system_in_berlin")
def test_without_a_zone_the_systems_clock_and_its_changes_count() -> None:
    timetable, moment, hours = Timetable.of(hour=9, minute=0), datetime(2026, 3, 27, 12, tzinfo=UTC), []
    for _ in range(3):
        moment = timetable.next_after(moment, None)
        hours.append(moment.hour)
    assert hours == [8, 7, 7]


def test_an_answer_is_in_the_zone_of_the_question() -> None:
    zone = timezone(timedelta(hours=5, minutes=45))
    answer = next_cron(datetime(2026, 1, 1, 23, 50, tzinfo=zone), hour=0, minute=0, microsecond=0)
    assert answer.isoformat() == "2026-01-02T00:00:00+05:45"


def test_a_cron_job_is_plain_data() -> None:
    assert cron(report, hour=3) == cron(report, hour={3})
    assert isinstance(cron(report), CronJob)
