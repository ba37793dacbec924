"""`next_cron` beside stock arq's, on 10,000 random timetables and moments, many where a clock is changed.

The short form takes the first 2,500 of them.

They differ only within a day of such a change, and only as `DIFFERENCES` says. docs/cron.md tells users so.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from harness.arq.stock import ask_arq
from harness.forms import LONG
from harness.zones import zone_named
from jobgate.worker import next_cron

pytestmark = pytest.mark.early

SEED, CASES = 20_260_811, 10_000 if LONG else 2_500
#: Changes by an hour, by half an hour, at midnight, by a day, four times a year, and none at all.
ZONES = (
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana", "America/Sao_Paulo",
    "Pacific/Apia", "Africa/Casablanca", "Asia/Gaza", "Asia/Kathmandu", "UTC",
)  # fmt: skip
FIRST, LAST = datetime(2010, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Case:
    """One question and both answers."""

    zone: ZoneInfo
    previous: datetime
    fields: dict[str, Any]
    ours: datetime
    arqs: datetime
    #: arq's answer as it stands on the wall clock, which need not exist.
    arqs_wall: datetime

    @property
    def every_hour(self) -> bool:
        return self.fields["hour"] is None

    @property
    def change(self) -> timedelta:
        """By how much the clock was set forward in the day before our answer."""
        return offset(self.ours, self.zone) - offset(self.ours - timedelta(days=1), self.zone)


def offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def arq_goes_back(case: Case) -> bool:
    """In the second pass of an hour arq answers with a time of the first one, which is over.

    Its workers enqueue such times one after the other, twice a second, until they have caught up.
    """
    return case.arqs <= case.previous


def arq_leaves_out_the_second_pass(case: Case) -> bool:
    """A job that runs in every hour pauses in arq while an hour comes for the second time."""
    return case.every_hour and case.ours.astimezone(case.zone).fold == 1 and case.ours < case.arqs


def arq_means_a_time_that_is_left_out(case: Case) -> bool:
    """Arq answers with a time that the clock leaves out, although another one comes before or fits really.

    Left out are times of every hour without harm: there is no such hour. Times of some hours run later, by
    as much as is left out; where that is less than an hour, real times may come first.
    """
    shown = case.arqs.astimezone(case.zone).replace(tzinfo=None)
    return shown != case.arqs_wall and (case.every_hour or case.ours < case.arqs)


def arq_forgets_what_was_left_out(case: Case) -> bool:
    """Times left out are still to run, later: a worker that starts in between must do as the others do."""
    gap = case.change
    if case.every_hour or gap <= timedelta() or case.ours >= case.arqs:
        return False
    meant = (case.ours.astimezone(case.zone) - gap).replace(tzinfo=None)
    real = meant.replace(tzinfo=case.zone).astimezone(UTC).astimezone(case.zone).replace(tzinfo=None)
    return meant != real


DIFFERENCES: tuple[Callable[[Case], bool], ...] = (
    arq_goes_back,
    arq_leaves_out_the_second_pass,
    arq_means_a_time_that_is_left_out,
    arq_forgets_what_was_left_out,
)


def changes(zone: ZoneInfo) -> list[datetime]:
    """The moments at which a zone's clock is changed."""
    days = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days)]
    around = [day for day in days if offset(day, zone) != offset(day - timedelta(days=1), zone)]
    hours = [day - timedelta(hours=number) for day in around for number in range(24)]
    return [hour for hour in hours if offset(hour, zone) != offset(hour - timedelta(hours=1), zone)]


def some(chance: random.Random, least: int, most: int, any_of_ten: int) -> int | list[int] | None:
    """A random field: any, one number, or a few."""
    if chance.randrange(10) < any_of_ten:
        return None
    if chance.random() < 0.5:
        return chance.randint(least, most)
    return sorted({chance.randint(least, most) for _ in range(chance.randint(1, 6))})


def random_fields(chance: random.Random) -> dict[str, Any]:
    weekday = some(chance, 0, 6, 8)
    names = ("mon", "tues", "wed", "thurs", "fri", "sat", "sun")
    return {
        "month": some(chance, 1, 12, 8),
        "day": some(chance, 1, 28, 8),
        "weekday": names[weekday] if isinstance(weekday, int) else weekday,
        "hour": chance.choice([some(chance, 0, 23, 4), some(chance, 0, 4, 4)]),
        "minute": some(chance, 0, 59, 4),
        "second": chance.choice([0, 0, some(chance, 0, 59, 4)]),
        "microsecond": chance.choice([123_456, 0, 999_999]),
    }


def random_moment(chance: random.Random, near: list[datetime]) -> datetime:
    if near and chance.random() < 0.5:
        hours = chance.choice([2, 30])
        return chance.choice(near) + timedelta(seconds=chance.uniform(-hours * 3600, hours * 3600))
    return FIRST + chance.random() * (LAST - FIRST)


def ask_both() -> list[Case]:
    chance = random.Random(SEED)
    zones = [zone_named(name) for name in ZONES]
    near = {zone.key: changes(zone) for zone in zones}
    asked = []
    for _ in range(CASES):
        zone = chance.choice(zones)
        asked.append((zone, random_moment(chance, near[zone.key]), random_fields(chance)))
    question = [(zone.key, moment.timestamp(), fields) for zone, moment, fields in asked]
    answers = ask_arq(Path(__file__).parent / "arq_next_cron.py", question)
    return [
        Case(
            zone=zone,
            previous=moment,
            fields=fields,
            ours=next_cron(moment.astimezone(zone), **fields).astimezone(UTC),
            arqs=datetime.fromtimestamp(seconds, UTC),
            arqs_wall=datetime.fromisoformat(wall),
        )
        for (zone, moment, fields), (seconds, wall) in zip(asked, answers, strict=True)
    ]


def test_next_cron_agrees_with_arqs() -> None:
    reasons: Counter[str] = Counter()
    calm = 0
    for case in ask_both():
        assert case.ours > case.previous
        agree = abs(case.ours - case.arqs) < timedelta(milliseconds=0.1)
        if is_calm(case):
            calm += 1
            assert agree, f"they differ, and no clock is changed: {case}"
        found = "none" if agree else next((reason.__name__ for reason in DIFFERENCES if reason(case)), "")
        assert found, f"they differ for a reason that is not listed: {case}"
        reasons[found] += 1
    assert calm > CASES / 3
    assert reasons["none"] > 0.95 * CASES
    assert {reason.__name__ for reason in DIFFERENCES} <= reasons.keys(), "a reason that no case has"


def is_calm(case: Case) -> bool:
    """Whether no clock is changed within a day of the question and of our answer."""
    day = timedelta(days=1)
    return all(
        offset(moment - day, case.zone) == offset(moment + day, case.zone)
        for moment in (case.previous, case.ours)
    )
