"""Routes, and that `openapi.yaml` says the same as the code."""

import re
from pathlib import Path

import pytest

from harness.documents.api_document import api_document
from jobgate.broker import (
    FailureCode,
)
from jobgate.gateway.http.problems import KINDS, Problem
from jobgate.gateway.openapi import base_document
from jobgate.gateway.routes import ROUTES, Router
from jobgate.gateway.ui import ui_files

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = api_document()


def test_openapi_and_routes_are_equal() -> None:
    described = {
        (method.upper(), path, operation["operationId"])
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
        if method in {"get", "put", "post", "delete", "patch", "head", "options", "trace"}
    }
    assert described == {(route.method, route.path, route.name) for route in ROUTES}


def test_openapi_and_problems_are_equal() -> None:
    assert DOCUMENT["components"]["schemas"]["Problem"]["properties"]["code"]["enum"] == list(KINDS)


def test_openapi_names_all_failure_codes() -> None:
    assert DOCUMENT["components"]["schemas"]["FailureCode"]["enum"] == [code.value for code in FailureCode]


def test_openapi_json_is_the_same_document() -> None:
    assert base_document() == DOCUMENT


def test_every_file_of_the_pages_is_served() -> None:
    folder = ROOT / "gateway" / "ui"
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*.*") if path.is_file()}
    others = (".css", ".py", ".pyc", ".ts")
    assert set(ui_files()) == {"style.css", *(path for path in found if not path.endswith(others))}
    style = ui_files()["style.css"].body.decode()
    last_lines = [(folder / path).read_text().splitlines()[-1] for path in found if path.endswith(".css")]
    assert all(line in style for line in last_lines)


def imported(path: Path) -> set[Path]:
    """Return the modules that a module of the pages imports, and what these import."""
    names = re.findall(r'^(?:im|ex)port (?:[^"]* from )?"([^"]+)"', path.read_text(), re.MULTILINE)
    found = {(path.parent / name).resolve() for name in names}
    return found.union(*map(imported, found))


def test_the_modules_of_the_first_view_are_loaded_together() -> None:
    folder = ROOT / "gateway" / "ui"
    app, first = folder / "frame/app.js", folder / "pages/overview.js"
    needed = {path.relative_to(folder).as_posix() for path in {first, *imported(app), *imported(first)}}
    preloaded = re.findall(r'^  (\w+): "([^"]+)",$', (folder / "frame/preload.js").read_text(), re.MULTILINE)
    assert {f"{place}/{name}.js" for place, names in preloaded for name in names.split()} == needed
    scripts = re.findall(r'<script [^>]*="ui/([^"]+\.js)"', (folder / "index.html").read_text())
    assert scripts == ["frame/preload.js", "frame/first.js", "frame/app.js"]


@pytest.mark.parametrize(
    ("method", "path", "name", "variable"),
    [
        ("POST", "/jobs/f", "enqueue", "f"),
        ("POST", "/jobs/a%3Ab", "enqueue", "a:b"),
        ("GET", "/jobs/x/status", "status", "x"),
        ("HEAD", "/jobs/x/result", "result", "x"),
        ("POST", "/jobs/x/abort", "abort", "x"),
        ("GET", "/jobs/x/events", "job_events", "x"),
        ("GET", "/events", "events", ""),
        ("GET", "/livez", "livez", ""),
        ("GET", "/functions", "functions", ""),
        ("GET", "/functions/a%3Ab", "function", "a:b"),
        ("GET", "/", "ui", ""),
        ("GET", "/ui/style/tokens.css", "ui_file", "style/tokens.css"),
        ("GET", "/ui/a.js", "ui_file", "a.js"),
        ("GET", "/ui/..%2Fopenapi.yaml", "ui_file", "../openapi.yaml"),
        ("GET", "/jobs/%2F..%2F/status", "status", "/../"),
    ],
)
def test_routes(method: str, path: str, name: str, variable: str) -> None:
    route, found = Router().find(method, path)
    assert (route.name, found) == (name, variable)


@pytest.mark.parametrize(
    "path", ["//", "", "/ui", "/ui/", "/jobs/", "/jobs//status", "/jobs/f/", "/jobs/a/b/c", "/livez/", "*"]
)
def test_no_routes(path: str) -> None:
    with pytest.raises(Problem) as caught:
        Router().find("POST", path)
    assert caught.value.code == "not-found"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [("GET", "/jobs/f", "POST"), ("DELETE", "/jobs/x/status", "GET, HEAD"), ("post", "/jobs/f", "POST")],
)
def test_other_methods_are_told_which_there_are(method: str, path: str, allow: str) -> None:
    with pytest.raises(Problem) as caught:
        Router().find(method, path)
    assert caught.value.code == "method-not-allowed"
    assert caught.value.headers == {"Allow": allow}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_whoever_looks_for_a_job_is_told_where_its_parts_are(method: str) -> None:
    with pytest.raises(Problem) as caught:
        Router().find(method, "/jobs/8f14e45f")
    assert caught.value.detail == (
        "Use POST (POST /jobs/<function> enqueues; of a job there are GET /jobs/<id>/status, "
        "GET /jobs/<id>/result, GET /jobs/<id>/events, POST /jobs/<id>/abort and POST /jobs/<id>/retry)."
    )
