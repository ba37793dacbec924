"""Cron jobs as workers publish them: in words, by the calendar, and read whatever somebody has written."""

import os
import random
import time
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from harness.zones import zone_named
from jobgate.broker import CronRun, Schedule, Timetable, due_of_run, in_words, run_id, zone_name
from jobgate.broker.schedules import cron_run, encode_cron_run, read_schedules
from jobgate.broker.schedules.zones import zone_called

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "every minute"),
        ({"second": None}, "every second"),
        ({"second": {0, 10, 20, 30, 40, 50}}, "every 10 seconds"),
        ({"second": 5}, "every minute at second 5"),
        ({"second": {5, 35}, "minute": 7}, "every hour at second 5 and 35 of minute 7"),
        ({"minute": 0}, "every hour"),
        ({"minute": 5}, "every hour at minute 5"),
        ({"minute": {5, 35}}, "every hour at minute 5 and 35"),
        ({"minute": set(range(0, 60, 15))}, "every 15 minutes"),
        ({"minute": 0, "hour": set(range(0, 24, 2))}, "every 2 hours from 00:00 to 22:59"),
        ({"hour": 3, "minute": 0}, "every day at 03:00"),
        ({"hour": {9, 17}, "minute": 30, "weekday": "mon"}, "at 09:30 and 17:30 on Mondays"),
        ({"hour": 3, "minute": 0, "second": 30}, "every day at 03:00:30"),
        ({"hour": set(range(9, 18)), "minute": {0, 30}}, "every 30 minutes from 09:00 to 17:59"),
        (
            {"hour": {1, 2, 9, 12, 15, 18, 20}, "minute": 5},
            "every day at 01:05, 02:05, 09:05, 12:05, 15:05, 18:05 and 20:05",
        ),
        ({"hour": {1, 5, 7}}, "every minute of the hours 01, 05 and 07"),
        ({"hour": 6, "minute": 0, "weekday": {0, 1, 2, 3, 4}}, "at 06:00 from Monday to Friday"),
        ({"hour": 6, "minute": 0, "weekday": {"sat", "sun"}}, "at 06:00 on Saturdays and Sundays"),
        ({"hour": 6, "minute": 0, "day": {1, 15}}, "at 06:00 on day 1 and 15 of the month"),
        (
            {"hour": 6, "minute": 0, "day": 13, "weekday": "fri", "month": 5},
            "at 06:00 on Fridays that are day 13 of the month in May",
        ),
    ],
)  # fmt: skip
def test_a_timetable_in_words(fields: dict[str, Any], words: str) -> None:
    assert in_words(Timetable.of(**fields)) == words


def schedule(**fields: Any) -> Schedule:
    return Schedule(queue="q", timetable=Timetable.of(**fields), timezone="Europe/Berlin")


def random_fields(chance: random.Random) -> dict[str, Any]:
    ranges = {"month": (1, 12), "weekday": (0, 6), "hour": (0, 23), "minute": (0, 59), "second": (0, 59)}
    return {
        name: None
        if chance.random() < 0.4
        else {chance.randint(*bounds) for _ in range(chance.randint(1, 4))}
        for name, bounds in ranges.items()
    }


def test_the_last_time_is_the_one_after_which_none_comes_until_now() -> None:
    chance, zone = random.Random(7), ZoneInfo("Europe/Berlin")
    for _ in range(400):
        one = schedule(**random_fields(chance))
        now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=chance.randint(0, 2 * 365 * 86_400))
        last = one.last_before(now, zone)
        assert last is not None
        assert last <= now, one
        assert one.timetable.next_after(last, zone) > now, one
        assert one.timetable.next_after(last - SECOND, zone) <= last, one


def test_a_yearly_job_has_a_last_time_and_one_of_leap_years_may_have_none() -> None:
    now = datetime(2027, 6, 1, tzinfo=UTC)
    yearly, leap = schedule(month=5, day=31, hour=0, minute=0), schedule(month=2, day=29, hour=0, minute=0)
    assert yearly.last_before(now, UTC) == datetime(2027, 5, 31, microsecond=123_456, tzinfo=UTC)
    assert leap.last_before(now, UTC) is None
    assert [each.year for each, _ in zip(leap.runs_after(now, UTC), range(3), strict=False)] == [
        2028,
        2032,
        2036,
    ]


def test_times_end_with_the_calendar() -> None:
    runs = list(
        schedule(month=12, day=31, hour=12, minute=0).runs_after(datetime(9990, 1, 1, tzinfo=UTC), UTC)
    )
    assert len(runs) < 11


@pytest.mark.parametrize("module", ["zoneinfo", "pytz", "dateutil"])
@pytest.mark.parametrize("name", ["Europe/Berlin", "America/New_York", "Asia/Kathmandu"])
def test_every_kind_of_zone_has_the_name_of_its_clock(module: str, name: str) -> None:
    zone: tzinfo | None
    if module == "zoneinfo":
        zone = zone_named(name)
    elif module == "pytz":
        zone = pytest.importorskip("pytz").timezone(name)
    else:
        zone = pytest.importorskip("dateutil.tz").gettz(name)
    found = zone_name(zone)
    assert found is not None
    summer = datetime(2026, 7, 1, tzinfo=UTC)
    named = zone_called(found)
    assert named is not None
    assert summer.astimezone(named).utcoffset() == summer.astimezone(zone).utcoffset()


@pytest.mark.parametrize(
    ("zone", "name"),
    [
        (UTC, "UTC"),
        (timezone(timedelta(hours=5, minutes=30)), "+05:30"),
        (timezone(timedelta(hours=-3)), "-03:00"),
        (timezone(timedelta(seconds=61)), None),
    ],
)
def test_a_fixed_offset_has_a_name(zone: tzinfo, name: str | None) -> None:
    assert zone_name(zone) == name
    if name is not None:
        assert zone_called(name) == zone


@pytest.mark.parametrize(
    ("variable", "name"), [("Europe/Berlin", "Europe/Berlin"), (":Asia/Tokyo", "Asia/Tokyo")]
)
def test_the_systems_zone_has_a_name(variable: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", variable)
    time.tzset()
    try:
        assert zone_name(None) == name
    finally:
        monkeypatch.undo()
        time.tzset()
    assert os.environ.get("TZ") != variable


@pytest.mark.parametrize(
    "name",
    ["", "Europe", "../../etc/passwd", "/etc/localtime", "No/Where", "+25:00", "a" * 5000, "Asia/\x00"],
)  # fmt: skip
def test_names_that_are_no_zone_are_unknown(name: str) -> None:
    assert zone_called(name) is None


def test_a_schedule_is_read_as_it_was_written() -> None:
    for one in (
        schedule(hour={9, 17}, minute=30, weekday="mon"),
        Schedule(
            queue="mail", timetable=Timetable.of(microsecond=0), timezone=None, unique=False,
            run_at_startup="once", job_id="one",
        ),
    ):  # fmt: skip
        assert read_schedules([one.as_json()]) == (one,)


SOUND = schedule().as_json()


#: Member -> values that it cannot have.
WRONG: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(
        ("month", "day", "hour", "minute", "second", "weekday"),
        ("mon", 7.5, [61], [True], [-1], [], {}, list(range(60)) * 2, [[1]], [10**30]),
    ),
    "queue": (None, "", 1, [], "x" * 513),
    "timezone": (7, [], "", "x" * 513),
    "job_id": (7, [], "", "x" * 513),
    "run_at_startup": (7, [], "twice", None),
    "microsecond": (-1, 1_000_000, "1", None, True, 1.5),
}
CASES = [[SOUND | {name: value}] for name, values in WRONG.items() for value in values]


@pytest.mark.parametrize(
    "found",
    [None, 7, "x", {}, [None], [[]], [{}], [{"queue": 7}], *CASES, [SOUND | {"month": [2], "day": [31]}]],
)
def test_what_is_no_schedule_is_left_out(found: Any) -> None:
    assert read_schedules(found) == ()
    if isinstance(found, list):
        assert len(read_schedules([*found, SOUND])) == 1


def test_no_more_schedules_are_read_than_a_function_may_have() -> None:
    many = [SOUND | {"minute": [minute]} for minute in range(60)]
    assert len(read_schedules(many)) == 20
    assert len(read_schedules(many, most=3)) == 3
    assert len(read_schedules([SOUND] * 20)) == 1, "the same times are one"


def test_ids_of_runs() -> None:
    assert due_of_run(run_id("cron:f", 1_700_000_000_123), "cron:f") == 1_700_000_000_123
    assert due_of_run("cron:f:1700000000123:0a1b", "cron:f") == 1_700_000_000_123
    for other in (
        "cron:f",
        "cron:f:",
        "cron:f:startup:1",
        "cron:f:-1",
        "cron:f:1x",
        "cron:f:" + "9" * 15,
        "x:1",
    ):
        assert due_of_run(other, "cron:f") is None


RUN = CronRun(job_id="a", due_ms=1, start_ms=None, finish_ms=3, ending="failed", code="error", error="E: x")


def test_a_run_is_read_as_it_was_written_and_long_texts_are_cut() -> None:
    assert cron_run(encode_cron_run(RUN)) == RUN
    odd = CronRun(
        job_id="\udcff", due_ms=None, start_ms=None, finish_ms=3, ending="failed", error="\x00" * 9999
    )
    read = cron_run(encode_cron_run(odd))
    assert read is not None
    assert (read.job_id, read.error) == ("?", "\x00" * 300)


@pytest.mark.parametrize(
    "stored",
    [b"", b"{", b"[]", b"null", b"{}", b'{"job_id":"a"}', encode_cron_run(RUN).replace(b"failed", b"eaten"),
     encode_cron_run(RUN).replace(b'"finish_ms":3', b'"finish_ms":true'),
     encode_cron_run(RUN).replace(b'"due_ms":1', b'"due_ms":[1]'), b"\xff" * 10_000],
)  # fmt: skip
def test_what_is_no_run_is_none(stored: bytes) -> None:
    assert cron_run(stored) is None
