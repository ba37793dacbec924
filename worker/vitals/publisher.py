"""Publishes what the worker offers, under the digest that its heartbeats carry."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from jobgate.broker import (
    NO_DEFAULT,
    Broker,
    BrokerError,
    EncodeError,
    FunctionDocument,
    joined,
    printable,
    read_catalogue,
)
from jobgate.worker.log import logger, reason_of


class Publisher:
    """Publishes the catalogue of one run. It is a hint for callers: without it, they learn less.

    What cannot be published in full is published without schemas, with one warning.

    Args:
        broker: Redis.
        functions: What the worker offers.
    """

    def __init__(self, broker: Broker, functions: Iterable[FunctionDocument]) -> None:
        self._broker = broker
        found = _encoded(sorted(functions, key=lambda one: one.name))
        #: What heartbeats say; None = nothing can be published.
        self.digest: str | None = None
        self._stored = b""
        if found is not None:
            self.digest, self._stored = found

    @property
    def size(self) -> int:
        """Length of what is published, in bytes."""
        return len(self._stored)

    async def publish(self) -> None:
        """Write it. An error is not raised: the next heartbeat finds that it is missing."""
        if self.digest is None:
            return
        try:
            await self._broker.publish(self.digest, self._stored)
        except BrokerError as error:
            logger.debug("functions not published, still retrying: %s", reason_of(error))


#: How a function is written in the catalogue.
_Form = Callable[[FunctionDocument], FunctionDocument]


def _whole(document: FunctionDocument) -> FunctionDocument:
    return document


def _outline(document: FunctionDocument) -> FunctionDocument:
    """Return the document without schemas, defaults and descriptions."""
    if document.parameters is None:
        return _bare(document)
    parameters = (
        replace(one, schema=True, default=NO_DEFAULT, description=None) for one in document.parameters
    )
    return replace(_bare(document), parameters=tuple(parameters))


def _bare(document: FunctionDocument) -> FunctionDocument:
    return FunctionDocument(
        name=document.name,
        timeout=document.timeout,
        max_tries=document.max_tries,
        schedules=document.schedules,
    )


#: The best first.
_FORMS: Final[Sequence[_Form]] = (_whole, _outline, _bare)


def _encoded(documents: Sequence[FunctionDocument]) -> tuple[str, bytes] | None:
    """Return digest and stored form of their catalogue, with as much as fits in."""
    problem = next(_problems(documents), None)
    for first in range(len(_FORMS)):
        try:
            found = joined(_line(each, _FORMS[first:]) for each in documents)
        except EncodeError as error:
            problem = problem or error
        else:
            if problem is not None:
                logger.warning("published without schemas: %s", problem)
            return found
    logger.warning("the functions are not published: %s", problem)
    return None


def _line(document: FunctionDocument, forms: Sequence[_Form]) -> bytes:
    """Return the first form that can be written. Raises EncodeError where none can."""
    *better, last = forms
    for form in better:
        with suppress(EncodeError):
            return form(document).encode()
    return last(document).encode()


def _problems(documents: Sequence[FunctionDocument]) -> Iterator[EncodeError]:
    for document in documents:
        try:
            digest, stored = joined([document.encode()])
        except EncodeError as error:
            yield EncodeError(f"{printable(document.name)}: {error}")
            continue
        read = read_catalogue(stored, digest).functions.get(document.name)
        if read is None or (read.parameters is None and document.parameters is not None):
            why = "it has too many parameters, too large schemas, or a name that cannot be shown"
            yield EncodeError(f"{printable(document.name)}: {why}")
