"""The formats of strings as the worker reads them: pydantic takes more than the RFCs write.

A string passes here only if pydantic takes it in JSON mode. Not all that it takes: numbers as text, which it
reads as timestamps and seconds, are refused. jsonschema-rs calls these functions: about a microsecond each.
"""

import ipaddress
import re
import warnings
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

_DATE = r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
_FRACTION = r"(?:[.,][0-9]{1,32})"
_OFFSET = r"(?:[Zz]|[+\-\u2212](?:[01][0-9]|2[0-3]):?[0-5][0-9])"
_CLOCK = rf"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9]{_FRACTION}?)?{_OFFSET}?"
_MIDNIGHT = rf"00:00(?::00(?:[.,]0{{1,32}})?)?{_OFFSET}?"

_DATE_TIME = re.compile(rf"{_DATE}(?:[Tt _]{_CLOCK})?")
_DATE_ALONE = re.compile(rf"{_DATE}(?:[Tt _]{_MIDNIGHT})?")
_TIME = re.compile(_CLOCK)
_UUID = re.compile(
    r"(?:urn:uuid:)?[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}"
    r"|\{[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}"
)
_AMOUNT = r"[0-9]{1,9}(?:[.,][0-9]{1,9})?"
_ISO_DURATION = re.compile(
    rf"[+-]?P(?:(?:{_AMOUNT}[YMWD])+(?:T(?:{_AMOUNT}[HMS])*)?|T(?:{_AMOUNT}[HMS])+)",
)
_ISO_PART = re.compile(rf"({_AMOUNT})([A-Z])")
#: Only the last part may have a fraction.
_FRACTION_BEFORE_MORE = re.compile(r"[.,][0-9]+[A-Z].")
_SPAN = rf"[0-9]{{1,2}}:[0-5][0-9]:[0-5][0-9]{_FRACTION}?|[0-9]{{2}}:[0-5][0-9]"
_SPAN_OF_DAY = (
    rf"(?:[0-9]|[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]{_FRACTION}?|(?:[01][0-9]|2[0-3]):[0-5][0-9]"
)
_SPAN_DURATION = re.compile(
    rf"[+-]?(?:(?P<days>[0-9]{{1,9}}) ?(?:[Dd]|days?)(?:(?:,| |, )(?:{_SPAN_OF_DAY}))?|{_SPAN})"
)
#: Days of the units before `T`, and seconds of those after it.
_DAYS: Final = {"Y": 365.0, "M": 30.0, "W": 7.0, "D": 1.0}
_SECONDS: Final = {"H": 3600.0, "M": 60.0, "S": 1.0}
#: The longest `timedelta` has a day more.
_MOST_DAYS: Final = 999_999_998
#: Longest text that is looked at closely: longer ones cannot be an address, and expressions take long.
_LONGEST: Final = 256


def _is_calendar_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _matches_date(form: re.Pattern[str]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        found = form.fullmatch(text)
        return found is not None and _is_calendar_date(found["date"])

    return check


def _is_duration(text: str) -> bool:
    if len(text) > _LONGEST:
        return False
    if _ISO_DURATION.fullmatch(text):
        return _FRACTION_BEFORE_MORE.search(text) is None and _iso_days(text) <= _MOST_DAYS
    found = _SPAN_DURATION.fullmatch(text)
    return found is not None and int(found["days"] or 0) <= _MOST_DAYS


def _iso_days(text: str) -> float:
    before, _, after = text.partition("T")
    days = sum(_DAYS[unit] * _number(amount) for amount, unit in _ISO_PART.findall(before))
    seconds = sum(_SECONDS[unit] * _number(amount) for amount, unit in _ISO_PART.findall(after))
    return days + seconds / 86_400


def _number(amount: str) -> float:
    return float(amount.replace(",", "."))


def _is_expression(text: str) -> bool:
    if len(text) > _LONGEST:
        return True  # the worker decides
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            re.compile(text)
        except (re.error, OverflowError, RecursionError):
            return False
    return True


def _read_by(read: Callable[[str], Any]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        if len(text) > _LONGEST:
            return False
        try:
            read(text)
        except ValueError:
            return False
        return True

    return check


def _fully(form: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: form.fullmatch(text) is not None


#: Name of a format -> whether a string has it. jsonschema-rs checks other formats by the RFCs.
FORMATS: Final[Mapping[str, Callable[[str], bool]]] = {
    "date-time": _matches_date(_DATE_TIME),
    "date": _matches_date(_DATE_ALONE),
    "time": _fully(_TIME),
    "duration": _is_duration,
    "uuid": _fully(_UUID),
    "regex": _is_expression,
    "ipv4": _read_by(ipaddress.IPv4Address),
    "ipv4interface": _read_by(ipaddress.IPv4Interface),
    "ipv4network": _read_by(ipaddress.IPv4Network),
    "ipv6": _read_by(ipaddress.IPv6Address),
    "ipv6interface": _read_by(ipaddress.IPv6Interface),
    "ipv6network": _read_by(ipaddress.IPv6Network),
    "ipvanyaddress": _read_by(ipaddress.ip_address),
    "ipvanyinterface": _read_by(ipaddress.ip_interface),
    "ipvanynetwork": _read_by(ipaddress.ip_network),
}
