"""`POST /jobs`: enqueue many jobs, given as an array or as NDJSON."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeVar

from jobgate.gateway.batch.chunk import results
from jobgate.gateway.batch.items import Item, item_of, item_of_line
from jobgate.gateway.batch.results import Result
from jobgate.gateway.batch.single_texts import single_texts
from jobgate.gateway.batch.stream import stream_answer
from jobgate.gateway.batch.turns import in_turns
from jobgate.gateway.context import Call
from jobgate.gateway.http import (
    NDJSON,
    Answer,
    Problem,
    field_errors,
    is_ndjson,
    read_json,
)

#: Most jobs in one array; NDJSON has no limit.
MOST_JOBS: Final = 1000
#: A job may be nested as deep as in a request of its own; it stands two levels below the top.
_DEPTH: Final = 64 + 2

Job = TypeVar("Job")


async def enqueue_many(call: Call) -> Answer:
    """Answer 200 with one result for each job, in order; one that is refused does not affect others."""
    if call.query:
        raise field_errors("invalid-request", [("?", "A batch has no query parameters, and does not wait.")])
    if call.request.headers.get("Idempotency-Key") is not None:
        detail = "Give each job an idempotency_key of its own: the header Idempotency-Key is for single jobs."
        raise Problem("invalid-request", detail)
    if is_ndjson(call.request):
        return stream_answer(call)
    body = await call.body(hint=f", or {NDJSON} with a job in each line")
    async with call.gateway.batches:
        found = await _results(call, body)
    return Answer(200, b'{"results":[%b]}' % b",".join(found))


async def _results(call: Call, body: bytes) -> Sequence[Result]:
    items = [item async for item in in_turns(_items(call, body))]
    if any(isinstance(item, Problem) and item.code == "malformed-json" for item in items):
        raise Problem("malformed-json", "The body is not JSON in UTF-8.")
    return await results(call, items)


def _items(call: Call, body: bytes) -> Iterable[Item]:
    try:
        return (item_of(call, job) for job in _jobs(body))
    except Problem as problem:
        # A job that cannot be stored exactly does not affect the others.
        texts = single_texts(body) if problem.code == "invalid-json" else None
        if texts is None:
            raise
        return (item_of_line(call, text) for text in _few(texts))


def _document(body: bytes) -> Any:
    try:
        return read_json(body, max_depth=_DEPTH)
    except Problem as problem:
        if problem.code == "malformed-json":
            # Programs that send a file, such as curl -T, often name no content type.
            problem.detail += f" For a job in each line, send it as {NDJSON}."
        raise


def _jobs(body: bytes) -> list[Any]:
    """Return the jobs of a body; raises `Problem` if it is not an object with a list of them."""
    document = _document(body) if body else {"jobs": []}
    if not isinstance(document, dict) or document.keys() != {"jobs"}:
        raise field_errors("invalid-request", [("#", 'It must be an object with one member, "jobs".')])
    jobs = document["jobs"]
    if not isinstance(jobs, list):
        raise field_errors("invalid-request", [("#/jobs", "It must be an array of jobs.")])
    return _few(jobs)


def _few(jobs: list[Job]) -> list[Job]:
    if len(jobs) > MOST_JOBS:
        detail = f"It may have at most {MOST_JOBS} jobs: send more as {NDJSON}, one in each line."
        raise field_errors("invalid-request", [("#/jobs", detail)])
    return jobs
