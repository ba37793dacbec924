"""Compares functions: which calls of the old ones fail with the new ones, and which results differ?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import orjson

from jobgate.broker import BY_NAME, BY_PLACE, FunctionDocument, Parameter, ParameterKind
from jobgate.cli.schema_diff.narrowing import losses


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between the functions of two releases."""

    function: str
    #: A sentence.
    text: str
    #: Whether callers of the old release may fail.
    breaks: bool = True
    #: Whether some call that is possible certainly fails.
    certain: bool = True


def changes(old: Mapping[str, FunctionDocument], new: Mapping[str, FunctionDocument]) -> list[Change]:
    """Return the differences between two sets of functions, by name."""
    found: list[Change] = []
    for name in sorted(old.keys() | new.keys()):
        if name not in new:
            found.append(Change(name, "It was removed."))
        elif name not in old:
            found.append(Change(name, "It is new.", breaks=False))
        else:
            found += _changes(old[name], new[name])
    return found


def _changes(old: FunctionDocument, new: FunctionDocument) -> list[Change]:
    try:
        pair = _Pair(old, new)
        breaking = list(dict.fromkeys([*pair.calls(), *pair.results()]))
        return breaking or list(_harmless(old, new))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError):
        text = "One of its schemas is invalid, so it cannot be compared."
        return [Change(old.name, text, certain=False)]


def _harmless(old: FunctionDocument, new: FunctionDocument) -> Iterator[Change]:
    before, after = _as_written(old), _as_written(new)
    if any(before[name] != after[name] for name in ("parameters", "$defs")):
        yield Change(old.name, "Its parameters have changed, and accept all old calls.", breaks=False)
    if before["returns"] != after["returns"]:
        yield Change(old.name, "Its result has changed, and fits what old callers expect.", breaks=False)


def _as_written(function: FunctionDocument) -> dict[str, bytes]:
    """Return the members of a document as JSON, in which 1 is not True and a tuple is a list."""
    document = function.as_json()
    return {name: orjson.dumps(one, option=orjson.OPT_SORT_KEYS) for name, one in document.items()}


class _Pair:
    """Two releases of one function."""

    def __init__(self, old: FunctionDocument, new: FunctionDocument) -> None:
        self._old = old
        self._new = new
        parameters = new.parameters or ()
        self._places = [one for one in parameters if one.kind in BY_PLACE]
        self._names = {one.name: one for one in parameters if one.kind in BY_NAME}
        self._var_args = _of_kind(parameters, ParameterKind.VAR_POSITIONAL)
        self._var_kwargs = _of_kind(parameters, ParameterKind.VAR_KEYWORD)

    def _change(self, text: str, *, certain: bool = True) -> Change:
        return Change(self._old.name, text, certain=certain)

    def results(self) -> Iterator[Change]:
        """Yield what old callers do not expect of a result."""
        new, old = self._new, self._old
        for loss in losses(new.returns, new.definitions, old.returns, old.definitions):
            where = f" at {loss.place}" if loss.place else ""
            if loss.certain:
                verb = "have" if loss.place else "be"
                yield self._change(f"Results may now {verb} {loss.what}{where}.")
            else:
                yield self._change(f"Results may have changed{where}: {loss.what}.", certain=False)

    def calls(self) -> Iterator[Change]:
        """Yield the ways in which calls fail."""
        if self._new.parameters is None:
            return
        if self._old.parameters is None:
            if self._new.parameters or self._var_args or self._var_kwargs:
                yield self._change("The old parameters are not known.", certain=False)
            return
        old = self._old.parameters
        places = [one for one in old if one.kind in BY_PLACE]
        for index, one in enumerate(places):
            yield from self._by_place(index, one)
        for one in old:
            if one.kind in BY_NAME:
                yield from self._by_name(one)
        yield from self._further(old, len(places))
        yield from self._required(old, places)

    def _by_place(self, index: int, old: Parameter) -> Iterator[Change]:
        new = self._places[index] if index < len(self._places) else self._var_args
        is_variadic = new is not None and new is self._var_args
        if old.kind is ParameterKind.POSITIONAL_ONLY:
            if new is None:
                yield self._change(f"The parameter {old.name!r} was removed.")
        elif new is None or is_variadic:
            if old.name in self._names:  # else `_by_name` reports it
                yield self._change(f"The parameter {old.name!r} can no longer be passed by position.")
        elif new.name != old.name:
            yield self._change(f"Argument {index + 1} was {old.name!r} and is now {new.name!r}.")
        if new is not None:
            renamed = old.kind is not ParameterKind.POSITIONAL_ONLY and new.name != old.name
            subject = f"Argument {index + 1}" if renamed and not is_variadic else _parameter(old.name)
            yield from self._narrowed(old, new, subject)

    def _by_name(self, old: Parameter) -> Iterator[Change]:
        new = self._names.get(old.name, self._var_kwargs)
        if new is not None:
            yield from self._narrowed(old, new, _parameter(old.name))
        elif any(one.name == old.name for one in self._places):
            yield self._change(f"The parameter {old.name!r} can no longer be passed by name.")
        else:
            yield self._change(f"The parameter {old.name!r} was removed.")

    def _further(self, old: Sequence[Parameter], places: int) -> Iterator[Change]:
        """Yield what concerns arguments of `*args` and `**kwargs`."""
        if (args := _of_kind(old, ParameterKind.VAR_POSITIONAL)) is not None:
            for new in self._places[places:]:
                yield from self._narrowed(args, new, _parameter(f"*{args.name}"))
            if self._var_args is None:
                yield self._change(f"The parameter '*{args.name}' was removed.")
            else:
                yield from self._narrowed(args, self._var_args, _parameter(f"*{args.name}"))
        if (kwargs := _of_kind(old, ParameterKind.VAR_KEYWORD)) is not None:
            before = {one.name: one for one in old}
            for name, new in self._names.items():
                if name not in before:
                    yield from self._narrowed(kwargs, new, _parameter(f"**{kwargs.name}"))
                elif before[name].kind is ParameterKind.POSITIONAL_ONLY:
                    yield self._change(f"{name!r} can no longer be a name among '**{kwargs.name}'.")
            if self._var_kwargs is None:
                yield self._change(f"The parameter '**{kwargs.name}' was removed.")
            else:
                yield from self._narrowed(kwargs, self._var_kwargs, _parameter(f"**{kwargs.name}"))

    def _required(self, old: Sequence[Parameter], places: Sequence[Parameter]) -> Iterator[Change]:
        known = {one.name: one for one in old}
        for index, new in enumerate(self._places):
            if new.kind is ParameterKind.POSITIONAL_ONLY and new.required and index < len(places):
                known[new.name] = places[index]  # its name does not matter
        for new in [*self._places, *(one for one in self._names.values() if one.kind not in BY_PLACE)]:
            if not new.required:
                continue
            before = known.get(new.name)
            if before is None or before.kind not in (*BY_PLACE, *BY_NAME):
                yield self._change(f"The parameter {new.name!r} was added and is required.")
            elif not before.required:
                yield self._change(f"The parameter {new.name!r} is now required.")

    def _narrowed(self, old: Parameter, new: Parameter, subject: str) -> Iterator[Change]:
        for loss in losses(old.schema, self._old.definitions, new.schema, self._new.definitions):
            where = f"{subject}{f' at {loss.place}' if loss.place else ''}"
            if loss.certain:
                yield self._change(f"{where} no longer accepts {loss.what}.")
            else:
                yield self._change(f"{where} may accept less: {loss.what}.", certain=False)


def _parameter(name: str) -> str:
    return f"The parameter {name!r}"


def _of_kind(parameters: Sequence[Parameter], kind: ParameterKind) -> Parameter | None:
    return next((one for one in parameters if one.kind is kind), None)
