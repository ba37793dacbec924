"""docs/frameworks.md is followed with the real frameworks and servers, and then they are put under load."""

import json
import os
import re
import signal
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from harness.documents.guide import DOCS, Follower, Step, steps
from harness.forms import LONG
from harness.processes.commands import Processes
from harness.processes.forked import forked_python
from harness.tools import free_port, require_tool, valkey_binary
from harness.waiting import eventually

PAGE = (DOCS / "frameworks.md").read_text()
READY = {
    "jobgate dev": "listening on",
    "uvicorn fast:app": "Uvicorn running on",
    "uvicorn star:app": "Uvicorn running on",
    "gunicorn busy:app": "Booting worker",
    "gunicorn flasks:app": "Booting worker",
    "gunicorn shop.wsgi": "Booting worker",
    "python manage.py": "Quit the server",
    "uvicorn shop.asgi:application": "Uvicorn running on",
}
MODULES = {"jobgate": "jobgate.cli", "django-admin": "django", "gunicorn": "gunicorn", "uvicorn": "uvicorn"}


def section(title: str) -> str:
    (found,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def programs(folder: Path) -> str:
    folder.mkdir()
    lines = {name: f"{forked_python()} -m {module}" for name, module in MODULES.items()}
    for name, line in {"python": forked_python(), **lines}.items():
        (folder / name).write_text(f'#!/bin/sh\nexec {line} "$@"\n')
        (folder / name).chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Follower]:
    """A reader who has followed the page up to its first recipe: a worker and a gateway run."""
    valkey_binary()
    folder = tmp_path_factory.mktemp("frameworks")
    ports = {port: free_port() for port in (8080, 8001, 8002, 8003, 8004)}
    places = ((before, port) for before in ("localhost:", "--port ") for port in ports)
    instead = {f"{before}{port}": f"{before}{ports[port]}" for before, port in places}
    instead["jobgate dev "] = f"jobgate dev --no-watch --port {ports[8080]} "
    processes = Processes(folder)
    work = folder / "work"
    work.mkdir()
    reader = Follower(
        processes,
        work,
        path=programs(folder / "programs"),
        instead=instead,
        ready=READY,
        environment={"HOME": str(folder)},  # gunicorn leaves a socket there
    )
    for step in steps(PAGE.partition("\n## ")[0]):
        reader.do(step)
    yield reader
    processes.end_all()


def follow(reader: Follower, title: str) -> None:
    text = section(title)
    if "curl " in text:
        require_tool("curl")
    followed = [reader.do(step) for step in steps(text)]
    assert len(followed) > 1


def get(reader: Follower, place: str, path: str) -> object:
    with urllib.request.urlopen(f"http://{reader.instead[place]}{path}", timeout=20) as answer:
        return json.loads(answer.read())


def assert_serves_many(reader: Follower, place: str, path: str = "/sums") -> None:
    """Calls of many threads at once are all answered, each with its own sum."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: get(reader, place, f"{path}/{number}/1"), range(60)))
    assert answers == [{"sum": number + 1} for number in range(60)]


def assert_stops(reader: Follower, command: str) -> None:
    """The server ends at once, and nothing was logged that went wrong."""
    (line,) = (line for line in reader.running if line.startswith(command))
    process = reader.running.pop(line)
    # Uvicorn has the signal end it in the end.
    assert process.terminate() in {0, -signal.SIGTERM}, process.log
    assert not re.search("Error|Traceback|Unclosed|Warning|never awaited", process.log), process.log


#: What an endpoint answers while the gateway is away.
FAST_AWAY = """
import fast
from fastapi.testclient import TestClient
from jobgate.client import Client
fast.Client = lambda url: Client("http://127.0.0.1:1", request_timeout=0.1)
with TestClient(fast.app) as caller:
    answer = caller.get("/sums/1/2")
print(answer.status_code, answer.headers["Retry-After"], answer.json())
"""


def test_fastapi(reader: Follower) -> None:
    follow(reader, "FastAPI")
    assert_serves_many(reader, "localhost:8001")
    place = urllib.request.Request(f"http://{reader.instead['localhost:8001']}/receipts/3", method="POST")
    with urllib.request.urlopen(place, timeout=20) as answer:
        job = json.loads(answer.read())["job"]
    assert get(reader, "localhost:8001", f"/receipts/{job}") == {"result": "sent the receipt of order 3"}
    assert_stops(reader, "uvicorn fast:app")
    reader.do(Step("write", FAST_AWAY, "fast_away.py"))
    # Starlette's client warns of httpx.
    assert reader.run("python fast_away.py 2>errors.log") == "503 5 {'error': 'try again later'}\n"


def test_starlette(reader: Follower) -> None:
    follow(reader, "Starlette")
    assert_serves_many(reader, "localhost:8002")
    assert_stops(reader, "uvicorn star:app")


#: What a view answers while the gateway is away.
AWAY = """
import flasks
flasks.client = flasks.BlockingClient("http://127.0.0.1:1", request_timeout=0.1)
answer = flasks.app.test_client().get("/sums/1/2")
print(answer.status_code, answer.headers["Retry-After"], answer.json)
"""
#: The client's thread runs, and calls are under way, whenever gunicorn forks.
BUSY = """
import threading, time
from flasks import app, client

def calls():
    while True:
        client.call("add", 1, 2)
        time.sleep(0.01)

client.call("add", 1, 2)
threading.Thread(target=calls, daemon=True).start()
"""


def test_flask(reader: Follower) -> None:
    follow(reader, "Flask")
    assert_serves_many(reader, "localhost:8003")
    assert_stops(reader, "gunicorn flasks:app")
    reader.do(Step("write", AWAY, "away.py"))
    assert reader.run("python away.py") == "503 5 {'error': 'try again later'}\n"
    reader.do(Step("write", BUSY, "busy.py"))
    (start,) = (step.text for step in steps(section("Flask")) if step.kind == "start")
    reader.do(Step("start", start.replace("flasks:app", "busy:app")))
    assert_serves_many(reader, "localhost:8003")
    assert_replaces_what_is_killed(reader, "gunicorn busy:app")
    assert_serves_many(reader, "localhost:8003")
    assert_stops(reader, "gunicorn busy:app")


def assert_replaces_what_is_killed(reader: Follower, command: str) -> None:
    (server,) = (process for line, process in reader.running.items() if line.startswith(command))

    def started() -> list[str]:
        return re.findall(r"Booting worker with pid: (\d+)", server.log)

    # One that has started answers requests before the other one has.
    eventually(lambda: len(started()) == 2, what="two processes")
    for child in started():
        os.kill(int(child), signal.SIGKILL)
    eventually(lambda: len(started()) == 4, what="two new processes")


#: Orders that are placed while the gateway is away, and one whose transaction is rolled back.
DJANGO_AWAY = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"
import django
django.setup()
from django.db import transaction
from django.test import Client
from orders import gate
working, gate.client = gate.client, gate.BlockingClient("http://127.0.0.1:1", request_timeout=0.1)
caller = Client(headers={"host": "localhost"})
print([caller.post("/orders/ben").status_code for _ in range(2)])
gate.client = working
with transaction.atomic():
    print(caller.post("/orders/eve").status_code)
    transaction.set_rollback(True)
"""


def test_django(reader: Follower) -> None:
    follow(reader, "Django")
    assert_serves_many(reader, "localhost:8004")
    assert_serves_many(reader, "localhost:8004", "/async-sums")
    assert_stops(reader, "gunicorn shop.wsgi")
    reader.do(Step("write", DJANGO_AWAY, "away.py"))
    assert reader.run("python away.py 2>errors.log") == "[201, 201]\n201\n"
    for number in (2, 0):
        reader.do(Step("compare", f"$ python manage.py send_receipts\nenqueued: {number}\n"))
    if LONG:
        assert_other_servers_serve(reader)


def assert_other_servers_serve(reader: Follower) -> None:
    port = reader.instead["localhost:8004"].rpartition(":")[2]
    reader.do(Step("start", f"uvicorn shop.asgi:application --port {port}"))
    assert_serves_many(reader, "localhost:8004", "/async-sums")
    assert_stops(reader, "uvicorn shop.asgi")
    reader.do(Step("start", f"python manage.py runserver {port}"))
    assert_serves_many(reader, "localhost:8004")
    (server,) = (process for line, process in reader.running.items() if "runserver" in line)
    (reader.folder / "orders/gate.py").touch()
    eventually(lambda: server.log.count("Watching for file changes") == 2, what="a reload")
    eventually(lambda: server.log.count("Starting development server") == 2, what="the server")
    assert_serves_many(reader, "localhost:8004")


@pytest.mark.parametrize("title", ["A script", "Processes that fork"])
def test_a_program(reader: Follower, title: str) -> None:
    follow(reader, title)


def test_a_notebook(reader: Follower, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    cells = re.findall(r"^```python\n(.*?)^```", section("A notebook"), re.MULTILINE | re.DOTALL)
    new_cell, new_notebook = nbformat.v4.new_code_cell, nbformat.v4.new_notebook
    notebook = new_notebook()  # type: ignore[no-untyped-call]
    notebook.cells = [new_cell(reader.put_in(cell)) for cell in cells]  # type: ignore[no-untyped-call]
    NotebookClient(notebook, timeout=60).execute()
    printed = [cell.outputs[-1]["data"]["text/plain"] for cell in notebook.cells]
    assert printed == ["3", "[1, 2, 3]"]
