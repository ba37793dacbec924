"""Binds the arguments of a job to the parameters of its function, by Python's rules.

The gateway binds before it enqueues, and the worker before it calls, so both use this.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from jobgate.broker.catalogue.documents import BY_NAME, BY_PLACE, Parameter, ParameterKind
from jobgate.broker.texts import did_you_mean

#: Names and indexes that lead to a value in `{"args": […], "kwargs": {…}}`.
ArgumentPath = tuple[str | int, ...]

#: Misfits of one job that are listed at most, also by gateway and worker: an answer must not outgrow its
#: request.
MOST_MISFITS: Final = 20
#: Characters of a name that a text shows.
_LONGEST_NAME: Final = 64


@dataclass(frozen=True, slots=True)
class Misfit:
    """An argument that does not fit its function."""

    #: Where the caller wrote it, or could have.
    path: ArgumentPath
    #: What is wrong and what to do, as a sentence. It holds nothing that the caller sent.
    text: str


class ArgumentBinder:
    """Binds arguments to the parameters of one function.

    Bound arguments are a dict from a parameter's name to its value, without those that were left out.
    `*args` is bound to a list, `**kwargs` to a dict; they are left out where they are empty.

    Args:
        parameters: The parameters, in the order of the signature and without `ctx`. Parameters that no
            function in Python can have (`is_signature`) do not raise; what is bound to them is undefined.
    """

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.parameters = tuple(parameters)
        self._by_place = [one.name for one in parameters if one.kind in BY_PLACE]
        self._place = {name: place for place, name in enumerate(self._by_place)}
        self._by_name = {one.name: one for one in parameters if one.kind in BY_NAME}
        self._required = frozenset(one.name for one in parameters if one.required and _is_single(one))
        self._var_positional = _name_of(parameters, ParameterKind.VAR_POSITIONAL)
        self._var_keyword = _name_of(parameters, ParameterKind.VAR_KEYWORD)

    def bind(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], *, partly: bool = False
    ) -> dict[str, Any] | None:
        """Return the bound arguments; None where they do not fit: `misfits` says why.

        Args:
            args: The arguments by place.
            kwargs: The arguments by name.
            partly: Required ones may be missing.
        """
        names = self._by_place
        bound = dict(zip(names, args, strict=False))
        if len(args) > len(names):
            if self._var_positional is None:
                return None
            bound[self._var_positional] = list(args[len(names) :])
        if kwargs and not self._bind_keywords(bound, kwargs):
            return None
        return bound if partly or bound.keys() >= self._required else None

    def _bind_keywords(self, bound: dict[str, Any], kwargs: Mapping[str, Any]) -> bool:
        rest = {}
        for name, value in kwargs.items():
            if name in self._by_name:
                if name in bound:
                    return False
                bound[name] = value
            elif self._var_keyword is None:
                return False  # the first one tells: a request may have 100,000 of them
            else:
                rest[name] = value
        if self._var_keyword is not None and rest:
            bound[self._var_keyword] = rest
        return True

    def fitting(
        self, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """Return the arguments for which there is a place: at least these can be bound partly."""
        if self._var_positional is None:
            args = args[: len(self._by_place)]
        return args, {name: value for name, value in kwargs.items() if self._takes(name, len(args))}

    def _takes(self, name: str, places: int) -> bool:
        """Whether an argument can be given by name, beside so many that are given by place."""
        if name in self._by_name:
            return self._place.get(name, places) >= places
        return self._var_keyword is not None

    def misfits(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Misfit]:
        """Return what keeps the arguments from being bound, the first 20 in the order of the parameters."""
        return list(islice(self._misfits(args, kwargs), MOST_MISFITS))

    def _misfits(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Iterator[Misfit]:
        yield from self._missing(args, kwargs)
        most = len(self._by_place)
        if len(args) > most and self._var_positional is None:
            yield Misfit(("args", most), f"The function takes {_arguments(most)}: {self._rest(kwargs)}.")
        for name in kwargs:
            if name not in self._by_name:
                if self._var_keyword is None:
                    yield Misfit(("kwargs", name), self._unknown(name))
            elif self._place.get(name, len(args)) < len(args):
                yield Misfit(("kwargs", name), "It is also given in args: give it once.")

    def _missing(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Iterator[Misfit]:
        given = {*self._by_place[: len(args)], *(kwargs.keys() & self._by_name.keys())}
        for one in self.parameters:
            if one.name in self._required and one.name not in given:
                where = "args" if one.kind is ParameterKind.POSITIONAL_ONLY else "kwargs"
                yield Misfit((where,), f"The required argument {one.name[:_LONGEST_NAME]!r} is missing.")

    def _rest(self, kwargs: Mapping[str, Any]) -> str:
        """Return what to do with arguments for which there is no place."""
        takes_more = any(one not in self._place and one not in kwargs for one in self._by_name)
        return "give the rest by name, in kwargs" if takes_more else "leave out the rest"

    def _unknown(self, name: str) -> str:
        if name == self._var_positional:
            return "Its values have no name: give them in args, after the others."
        if name in self._place:
            return "It is positional-only: give it in args."
        return f"The function has no such parameter{did_you_mean(name, self._by_name) or '.'}"

    def path(self, path: ArgumentPath, args: Sequence[Any], kwargs: Mapping[str, Any]) -> ArgumentPath:
        """Return where the caller wrote a bound value.

        Args:
            path: Name of a parameter, and the way from there.
            args: The arguments that were bound.
            kwargs: The arguments that were bound.
        """
        name, rest = str(path[0]), path[1:]
        if name == self._var_positional and rest:
            index, *rest_of_it = rest
            return ("args", len(self._by_place) + int(index), *rest_of_it)
        if name == self._var_keyword:
            return ("kwargs", *rest)
        if name in self._by_name and name in kwargs:
            return ("kwargs", *path)
        return ("args", self._place[name], *rest) if name in self._place else ("kwargs",)

    def unbind(self, bound: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments with which to call the function, from bound ones."""
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for one in self.parameters:
            if one.name not in bound:
                continue
            value = bound[one.name]
            if one.kind is ParameterKind.VAR_POSITIONAL:
                args.extend(value)
            elif one.kind is ParameterKind.VAR_KEYWORD:
                kwargs |= value
            elif one.kind is ParameterKind.KEYWORD_ONLY or len(args) < self._place[one.name]:
                # An argument before it was left out: this one can be given by its name alone.
                kwargs[one.name] = value
            else:
                args.append(value)
        return args, kwargs


def is_signature(parameters: Sequence[Parameter]) -> bool:
    """Return whether a function in Python can have these parameters: different names, kinds in order."""
    order = list(ParameterKind)
    places = [order.index(one.kind) for one in parameters]
    kinds = [one.kind for one in parameters if not _is_single(one)]
    names = {one.name for one in parameters}
    return places == sorted(places) and len(kinds) == len(set(kinds)) and len(names) == len(parameters)


def _is_single(parameter: Parameter) -> bool:
    return parameter.kind not in (ParameterKind.VAR_POSITIONAL, ParameterKind.VAR_KEYWORD)


def _name_of(parameters: Sequence[Parameter], kind: ParameterKind) -> str | None:
    return next((one.name for one in parameters if one.kind is kind), None)


def _arguments(count: int) -> str:
    if count == 1:
        return "one positional argument"
    return f"{count} positional arguments" if count else "no positional arguments"
