"""Patterns of types that JSON holds as text: workers publish them, and gateways have words for them."""

from enum import StrEnum

_STANDARD, _FOR_URLS = "[A-Za-z0-9+/]", "[A-Za-z0-9_-]"
_END_OF_TWO, _END_OF_THREE = "[AQgw]", "[AEIMQUYcgkosw048]"
_UNSIGNED = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?"


def _padded(one: str) -> str:
    return f"^(?:{one}{{4}})*(?:{one}{_END_OF_TWO}==|{one}{{2}}{_END_OF_THREE}=)?$"


def _unpadded(one: str) -> str:
    return f"(?:{one}{{4}})*(?:{one}{_END_OF_TWO}(?:==?)?|{one}{{2}}{_END_OF_THREE}=?)?"


class KnownPattern(StrEnum):
    """A regular expression whose meaning a gateway can say in words."""

    #: Any decimal number, with an exponent too. Longer exponents would be no numbers for Python.
    ANY_DECIMAL = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?$"
    #: Any decimal number in plain notation.
    PLAIN_DECIMAL = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)$"
    #: Whole numbers of 64 bits.
    WHOLE = r"^-?[0-9]{1,18}$"
    #: Any complex number, as Python writes it.
    COMPLEX = (
        rf"^(?:[+-]?{_UNSIGNED}(?:[+-]{_UNSIGNED}j)?|[+-]?{_UNSIGNED}j|\([+-]?{_UNSIGNED}[+-]{_UNSIGNED}j\))$"
    )
    #: Any fraction.
    FRACTION = r"^[+-]?(?:[0-9]+(?:/0*[1-9][0-9]*)?|[0-9]+\.[0-9]*|\.[0-9]+)$"
    #: Base64 in either alphabet, with or without padding.
    BASE64 = f"^(?:{_unpadded(_STANDARD)}|{_unpadded(_FOR_URLS)})$"
    #: Base64 with its padding.
    PADDED_BASE64 = _padded(_STANDARD)
    #: Base64 for URLs, with its padding.
    PADDED_BASE64URL = _padded(_FOR_URLS)
    #: A time with an offset from UTC.
    AWARE = r":.*(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})$"
    #: A time without one.
    NAIVE = r"^(?:[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt _]?)?[0-9:.,]*$"
