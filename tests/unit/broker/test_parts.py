"""The parts of a broker fit together: none takes the place of another's method."""

from collections import Counter

from jobgate.broker import Broker
from jobgate.broker.part import Part

#: Extended by parts, each of which calls the next one.
EXTENDED = {"__init__", "_drain"}


def test_no_two_parts_define_the_same_name() -> None:
    parts = [cls for cls in Broker.__mro__ if issubclass(cls, Part)]
    names = Counter(name for part in parts for name, member in vars(part).items() if callable(member))
    assert {name for name, times in names.items() if times > 1} == EXTENDED


def test_every_public_method_is_documented_where_it_stands() -> None:
    methods = {name: getattr(Broker, name) for name in dir(Broker) if not name.startswith("_")}
    assert {name for name, method in methods.items() if not method.__doc__} == set()
