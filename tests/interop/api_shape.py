"""Print what arq offers, as JSON: run with arq's Python, and imported by the test for jobgate's side.

A shape has a row for each thing that a caller may write: `timeout` for an argument, `result(timeout)` for one
of a method, `info()` for a method without any, `queued` for the member of an enum, `--burst` for an option.
"""

import dataclasses
import enum
import importlib
import inspect
import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

#: What a caller may write -> the default as text, None where there is none, and how it is passed.
Shape = dict[str, tuple[str | None, str]]

#: Where arq keeps what its users import.
MODULES = ("arq.worker", "arq.connections", "arq.jobs", "arq.cron", "arq.cli")
#: Arguments without names of their own -> how a row names them, whatever the function calls them.
REST: dict[object, str] = {inspect.Parameter.VAR_POSITIONAL: "*…", inspect.Parameter.VAR_KEYWORD: "**…"}


def named(path: str) -> Any:
    """Return the object `module.name`. The function `arq.cron` hides the module of its name."""
    module, name = path.rsplit(".", 1)
    importlib.import_module(module)
    return getattr(sys.modules[module], name)


def shape_of(found: Any) -> Shape:
    """Return the rows of a function, a class or a command; a plain value has none."""
    if isinstance(found, str):
        return {}
    if hasattr(found, "make_context"):
        return _options(found)
    if not isinstance(found, type):
        return _arguments(found)
    if issubclass(found, enum.Enum):
        return {name: (repr(member.value), "member") for name, member in found.__members__.items()}
    return _arguments(found) | _methods(found)


def public_names() -> list[str]:
    """Return the paths of all public names that arq's modules define, and of what arq itself exports."""
    paths = {f"arq.{name}" for name in importlib.import_module("arq").__all__}
    paths.add("arq.cli.cli")  # a command of click bears no module's name
    for module in map(importlib.import_module, MODULES):
        for name, value in vars(module).items():
            if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__:
                paths.add(f"{module.__name__}.{name}")
    return sorted(paths)


def aliases(paths: Iterable[str]) -> dict[str, str]:
    """Return the paths that lead to the same object as a longer one."""
    objects: dict[int, str] = {}
    found = {}
    for path in sorted(paths, key=lambda path: -path.count(".")):
        first = objects.setdefault(id(named(path)), path)
        if first != path:
            found[path] = first
    return found


def _arguments(call: Any, method: str = "") -> Shape:
    if isinstance(call, type) and not inspect.isfunction(inspect.getattr_static(call, "__init__")):
        return {}  # an exception that says nothing of its own
    rows: Shape = {}
    for place, parameter in enumerate(inspect.signature(call).parameters.values()):
        name = REST.get(parameter.kind, parameter.name)
        key = f"{method}({name})" if method else name
        how = "by name" if parameter.kind is parameter.KEYWORD_ONLY else f"at {place}"
        if parameter.kind is parameter.VAR_KEYWORD:
            how = "the rest"
        rows[key] = (_default(call, parameter), how)
    return rows


def _default(call: Any, parameter: inspect.Parameter) -> str | None:
    if parameter.default is parameter.empty:
        return None
    if repr(parameter.default) == "<factory>":
        factories: dict[str, Callable[[], Any]] = {
            each.name: each.default_factory  # type: ignore[misc]
            for each in dataclasses.fields(call)
        }
        return repr(factories[parameter.name]())
    return repr(parameter.default)


def _methods(kind: type) -> Shape:
    rows: Shape = {}
    for name, value in _own_attributes(kind).items():
        if isinstance(value, property):
            rows[name] = (None, "property")
        elif inspect.isfunction(value) or isinstance(value, classmethod):
            call = getattr(kind, name)
            own_self = {f"{name}(self)"} if inspect.isfunction(call) else set()
            found = {key: row for key, row in _arguments(call, name).items() if key not in own_self}
            rows |= found or {f"{name}()": (None, "call")}
    return rows


def _own_attributes(kind: type) -> dict[str, Any]:
    """Return the public attributes that neither redis-py nor Python has given it."""
    ours = [
        each for each in reversed(kind.__mro__) if each.__module__.partition(".")[0] in ("arq", "jobgate")
    ]
    return {name: value for each in ours for name, value in vars(each).items() if not name.startswith("_")}


def _options(command: Any) -> Shape:
    """Return the options with the values that they have when nothing is said."""
    with command.make_context("shape", ["SETTINGS"]) as context:
        values = dict(context.params)
    rows: Shape = {}
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            rows["SETTINGS"] = (None, "argument")
            continue
        value = repr(values[parameter.name]) if parameter.name in values else None
        rows |= dict.fromkeys((*parameter.opts, *parameter.secondary_opts), (value, "option"))
    return rows


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    paths = public_names()
    shapes = {path: shape_of(named(path)) for path in asked or paths}
    json.dump({"names": paths, "aliases": aliases(paths), "shapes": shapes}, sys.stdout)
