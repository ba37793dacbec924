"""A query parameter that a route does not have is refused everywhere, apart from pages and probes."""

import pytest

from harness.documents.api_document import api_document
from harness.systems.gateways import PlayedWorker, RunningGateway
from jobgate.gateway.routes import METRICS_ROUTES, ROUTES, Query, Route

#: What answers all the same.
IGNORE = {"livez", "readyz", "ui", "docs", "ui_file"}
PARAMETERS = {
    "{function}": "add", "{job_id}": "j", "{queue}": "arq:queue", "{worker}": "played", "{file}": "style.css",
}  # fmt: skip


def path_of(route: Route) -> str:
    path = route.path
    for parameter, value in PARAMETERS.items():
        path = path.replace(parameter, value)
    return path


@pytest.mark.parametrize("query", ["x=1", "x", "wait=1&x=1", "%FF=1"])
async def test_unknown_parameters_are_refused_by_every_route_but_pages_and_probes(
    gateway: RunningGateway, worker: PlayedWorker, query: str
) -> None:
    await worker.announce()
    await gateway.post("/jobs/add", {"job_id": "j"})
    bodies = {"bulk_retry": {"ids": ["j"]}, "bulk_abort": {"ids": ["j"]}, "enqueue_many": {"jobs": []}}
    found = {}
    for route in ROUTES:
        options = {"json": bodies.get(route.name, {})} if route.method == "POST" else {}
        status, document, _ = await gateway.ask(route.method, f"{path_of(route)}?{query}", **options)
        found[route.name] = status
        if status == 422:
            assert document["code"] == "invalid-request"
    assert {name for name, status in found.items() if status != 422} == IGNORE, found
    assert {found[name] for name in IGNORE} == {200}
    assert (await gateway.get("/jobs/j/status"))[1]["status"] == "queued", "nothing was done"
    assert (await gateway.get("/queues/arq:queue"))[1]["paused"] is False


async def test_a_refused_query_is_said_before_anything_else_but_the_key(gateway: RunningGateway) -> None:
    status, problem, _ = await gateway.post("/queues/arq:queue/pause?force=true")
    assert (status, problem["errors"]) == (
        422,
        [{"pointer": "?", "detail": "There are no query parameters."}],
    )
    assert (await gateway.ask("HEAD", "/key?x=1"))[0] == 422


async def test_a_wait_can_be_asked_for_by_header_everywhere(
    gateway: RunningGateway, worker: PlayedWorker
) -> None:
    await gateway.post("/jobs/add", {"job_id": "j"})
    await worker.claim()
    asked = [
        ("POST", "/jobs/add"),
        ("GET", "/jobs/j/status"),
        ("GET", "/jobs/j/result"),
        ("POST", "/jobs/j/abort"),
    ]
    for method, path in asked:
        _, _, headers = await gateway.ask(method, path, headers={"Prefer": "wait=0.01"})
        assert headers["Preference-Applied"] == "wait=0.01", path


def test_the_api_description_names_the_parameters_that_are_read() -> None:
    paths = api_document()["paths"]
    components = api_document()["components"]["parameters"]
    for route in ROUTES:
        item = paths[route.path]
        operation = item[route.method.lower()]
        listed = [*item.get("parameters", ()), *operation.get("parameters", ())]
        named = [components[one["$ref"].rpartition("/")[2]] if "$ref" in one else one for one in listed]
        has_query = any(one["in"] == "query" for one in named)
        assert has_query <= (route.query is Query.READ), route.name
        assert has_query or route.name == "enqueue_many" or route.query is not Query.READ, route.name
        names = {one["name"] for one in named}
        assert ("wait" in names) is ("Prefer" in names), f"{route.name}: a wait can be asked for in both ways"
        assert route.query is Query.IGNORED or "422" in operation["responses"], route.name
    assert [route.query for route in METRICS_ROUTES] == [Query.IGNORED, Query.NONE]
