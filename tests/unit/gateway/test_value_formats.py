"""Formats of strings, with pydantic in JSON mode as the oracle."""

import json
import re
import time as clock
from datetime import date, datetime, time, timedelta
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import IPvAnyAddress, IPvAnyInterface, IPvAnyNetwork, TypeAdapter, ValidationError

from jobgate.gateway.arguments.value_formats import FORMATS

TYPES: dict[str, Any] = {
    "date-time": datetime,
    "date": date,
    "time": time,
    "duration": timedelta,
    "uuid": UUID,
    "regex": re.Pattern,
    "ipv4": IPv4Address,
    "ipv4interface": IPv4Interface,
    "ipv4network": IPv4Network,
    "ipv6": IPv6Address,
    "ipv6interface": IPv6Interface,
    "ipv6network": IPv6Network,
    "ipvanyaddress": IPvAnyAddress,
    "ipvanyinterface": IPvAnyInterface,
    "ipvanynetwork": IPvAnyNetwork,
}
ADAPTERS = {name: TypeAdapter(kind) for name, kind in TYPES.items()}
#: Forms that callers write. Each is checked by each format.
FORMS = [
    "2026-01-31", "2026-01-31T12:00:00Z", "2026-01-31T12:00:00.123456+01:00", "2026-01-31 12:00",
    "2026-01-31T00:00:00", "2026-01-31t12:00z", "2026-01-31_12:00:00,5", "2026-01-31T12:00:00+0100",
    "2026-01-31T12:00:00\u221201:00", "2026-02-30", "0000-01-01", "9999-12-31T23:59:59Z", "2026-01-31T24:00",
    "2026-01-31T12:00:60Z", "2026-01-31T12:00:00+24:00", "2026-1-31", "20260131T120000", "2026-01-31T",
    "2026-01-31T12", "2026-01-31T12:00.5", " 2026-01-31", "2026-01-31 ", "2026-01-31T00:00:00.0Z",
    "2026-01-31T00:00:00.1", "2024-02-29", "2026-W05-6", "12:00", "12:00:00", "12:00:00.5Z", "12:00+01:00",
    "24:00", "1:00", "1:00:00", "T12:00", "12:00:00,5",
    "P1D", "PT1H", "P1DT2H3M4.5S", "P1W2D", "P1Y6M", "PT1,5H", "-P1D", "P", "PT", "P1DT", "PT1M1H", "P1S",
    "P1H", "p1d", "P999999998D", "P999999999Y", "1 day", "1 days, 1:00:00", "-1 day, 23:59:59", "2d 10:00:00",
    "1 day 10:00:00.5", "99:00:00", "10:60:00", "", "-", "+", "1 day,10:00",
    "PT0.0H0H", "PT1.5S", "-1 day, 24:00:00", "1 dayS", "1 day, 1:00",
    "12345678-1234-1234-1234-123456789abc", "12345678123412341234123456789ABC",
    "{12345678-1234-1234-1234-123456789abc}", "urn:uuid:12345678-1234-1234-1234-123456789abc",
    "12345678-12341234-1234-123456789abc", "12345678-1234-1234-1234-123456789abg",
    "a+b*", "(", "[", "(?P<x>a)", "*",
    "127.0.0.1", "127.0.0.01", "127.0.0.1/8", "10.0.0.0/8", "1.2.3", "::1", "::1/128", "fe80::1%eth0", "::/0",
]  # fmt: skip


def pydantic_takes(name: str, text: str) -> bool:
    try:
        ADAPTERS[name].validate_json(json.dumps(text))
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("name", FORMATS)
def test_forms_that_callers_write_pass_as_in_the_worker(name: str) -> None:
    ours = {form for form in FORMS if FORMATS[name](form)}
    assert ours == {form for form in FORMS if pydantic_takes(name, form)}


ALPHABET = "0123456789-:+.,TZ PDHMSYWdays/{}\u2212"
TEXTS = st.one_of(
    st.text(ALPHABET, max_size=12),
    st.tuples(st.sampled_from(FORMS), st.integers(0, 40), st.text(ALPHABET, max_size=2)).map(
        lambda cut: cut[0][: cut[1]] + cut[2] + cut[0][cut[1] + 1 :]
    ),
    st.tuples(st.sampled_from(FORMS), st.sampled_from(["", "T", " ", "P"]), st.sampled_from(FORMS)).map(
        "".join
    ),
)


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_what_passes_is_taken_by_the_worker(text: str) -> None:
    for name, check in FORMATS.items():
        if check(text):
            assert pydantic_takes(name, text), name


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("unit", ["1", "a", "1:", "2026-01-31T12:00:00.", "P1D", "(a|", "::", "1 day, "])
def test_a_megabyte_takes_a_moment(name: str, unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    start = clock.thread_time()
    FORMATS[name](text)
    assert clock.thread_time() - start < 0.1
