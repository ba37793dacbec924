"""What schemathesis must know beyond openapi.yaml; loaded by it, not by the tests."""

import re
from collections.abc import MutableMapping
from typing import Any

import requests
import schemathesis

OPERATIONS = "arq:operations"
_FUNCTION = re.compile("[A-Za-z_][0-9A-Za-z_.:<>-]{0,127}")


@schemathesis.serializer("application/x-ndjson")
def _lines(context: schemathesis.SerializationContext, value: Any) -> bytes:
    """Send the text of lines as it is."""
    return str(value).encode(errors="replace")


@schemathesis.hook
def before_call(
    context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]
) -> None:
    """Leave out what openapi.yaml says in words and JSON Schema has no words for."""
    if case.path.endswith("/events") and case.method == "GET":
        # The stream of a job that nobody runs has no end; HEAD has the same answer without it.
        case.method = "HEAD"
    if case.headers is not None:
        # It would use a key again for another request, and be refused rightly.
        case.headers.pop("Idempotency-Key", None)
    if case.query is not None:
        _correct(case.query)
    if _is_meant_to_be_valid(case):
        _name_a_function(case.path_parameters)
    for place in (case.body, _filter_of(case.body)):
        # Its jobs are shown with this queue, into which no request may enqueue.
        if isinstance(place, MutableMapping) and place.get("queue") == OPERATIONS:
            place["queue"] = "mail"
    if isinstance(case.body, dict):
        _correct_job(case.body)


def _is_meant_to_be_valid(case: schemathesis.Case[Any]) -> bool:
    return case.meta is not None and case.meta.generation.mode is schemathesis.GenerationMode.POSITIVE


def _name_a_function(parameters: MutableMapping[str, Any]) -> None:
    # It takes the ids of jobs that it has made for names of functions.
    if "function" in parameters and not _FUNCTION.fullmatch(str(parameters["function"])):
        parameters["function"] = "add"


def _correct_job(body: dict[str, Any]) -> None:
    if body.get("keep_result") == 0:
        # Together with a wait it is refused rightly.
        body["keep_result"] = 1
    for name in ("args", "kwargs"):
        if name in body:
            body[name] = _within_64_bits(body[name])


def _correct(query: MutableMapping[str, Any]) -> None:
    # A cursor of the right form that comes from no page is refused rightly.
    query.pop("cursor", None)
    if query.get("order") == "newest":
        # A scan has no order: together they are, too.
        query.pop("scan", None)


@schemathesis.hook
def after_call(
    context: schemathesis.HookContext, case: schemathesis.Case[Any], response: schemathesis.Response
) -> None:
    """Read the body of a refusal that was asked for with HEAD."""
    if response.request.method == "HEAD" and response.status_code >= 400:
        url, headers = str(response.request.url), dict(response.request.headers)
        response.content = requests.get(url, headers=headers, timeout=10).content


def _filter_of(body: Any) -> Any:
    return body.get("filter") if isinstance(body, dict) else None


def _within_64_bits(value: Any) -> Any:
    if isinstance(value, list):
        return [_within_64_bits(item) for item in value]
    if isinstance(value, dict):
        return {key: _within_64_bits(item) for key, item in value.items()}
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return 0
    return value
