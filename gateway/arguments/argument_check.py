"""Refuses arguments that a function does not accept: 422 `invalid-arguments`, before anything is enqueued."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from jobgate.broker import MOST_MISFITS, FunctionDocument
from jobgate.gateway.arguments.argument_errors import MOST_TIME
from jobgate.gateway.arguments.argument_validator import ArgumentValidator
from jobgate.gateway.arguments.pointers import json_pointer
from jobgate.gateway.http import field_errors

logger = logging.getLogger("jobgate.gateway")

#: Most JSON values in the schemas of all functions that are kept compiled. Each takes some 300 bytes.
_MOST_VALUES: Final = 300_000
#: Versions of a function that are checked. More at a time are no deploy: then everything is accepted.
_MOST_VERSIONS: Final = 5
#: How many values a function counts for, besides those of its schemas.
_ONE_FUNCTION: Final = 20

#: A pointer into the request, and what is wrong there.
Errors = list[tuple[str, str]]


class ArgumentCheck:
    """Checks arguments against what live workers publish of a function. Each version is compiled once."""

    def __init__(self) -> None:
        self._validators: dict[str, ArgumentValidator] = {}
        self._values = 0

    def require(
        self, documents: Sequence[FunctionDocument], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> None:
        """Return if the arguments are accepted; raises `Problem` 422 with all errors."""
        if errors := self.errors(documents, args, kwargs):
            raise field_errors("invalid-arguments", errors)

    def errors(
        self, documents: Sequence[FunctionDocument], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Errors:
        """Return why arguments are not accepted, at most 20 reasons; empty = they are.

        Args:
            documents: The live versions of the function. What one of them accepts is accepted; if all refuse,
                the errors are those of the version that has the fewest. Without any, everything is accepted.
            args: The positional arguments, plain data from JSON.
            kwargs: The arguments by name.
        """
        if self.accepts(documents, args, kwargs):
            return []
        validators = map(self._validator, documents)
        return min((_errors(one, args, kwargs, len(documents)) for one in validators), key=len, default=[])

    def accepts(
        self, documents: Sequence[FunctionDocument], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> bool:
        """Whether one of the live versions of a function accepts arguments, or there are none or too many."""
        if not documents or len(documents) > _MOST_VERSIONS:
            return True
        return any(_accepts(self._validator(document), args, kwargs) for document in documents)

    def _validator(self, document: FunctionDocument) -> ArgumentValidator:
        digest = document.digest
        validator = self._validators.get(digest)
        if validator is None:
            validator = ArgumentValidator(document)
            if validator.doubt is not None:
                logger.warning("%s", validator.doubt)
            self._values += validator.size + _ONE_FUNCTION
            self._validators[digest] = validator
            while self._values > _MOST_VALUES and len(self._validators) > 1:
                oldest = self._validators.pop(next(iter(self._validators)))
                self._values -= oldest.size + _ONE_FUNCTION
        return validator


def _accepts(validator: ArgumentValidator, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    if validator.binder is None:
        return True
    bound = validator.binder.bind(args, kwargs)
    return bound is not None and validator.accepts(bound)


def _errors(
    validator: ArgumentValidator, args: Sequence[Any], kwargs: Mapping[str, Any], versions: int
) -> Errors:
    binder = validator.binder
    if binder is None:
        return []
    wrong = [(json_pointer(one.path), one.text) for one in binder.misfits(args, kwargs)]
    if wrong:
        args, kwargs = binder.fitting(args, kwargs)
    bound = binder.bind(args, kwargs, partly=True) or {}
    if wrong and validator.accepts(bound):
        return wrong
    found = validator.errors(bound, MOST_TIME / versions)
    wrong += [(json_pointer(binder.path(path, args, kwargs)), text) for path, text in found]
    return wrong[:MOST_MISFITS]
