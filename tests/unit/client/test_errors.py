"""The errors of the client: one tree, one sentence each."""

import inspect
import pickle
import re
import subprocess
import sys

import pytest

from jobgate import client
from jobgate.client import errors
from jobgate.client.errors import JobAborted, JobFailed, JobgateError
from jobgate.client.transport import JobEnd

CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, JobgateError)]


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    lines = re.findall(r"^(\W*)([A-Z]\w+)\b", (errors.__doc__ or "").split("```")[1], re.MULTILINE)
    path: list[tuple[int, str]] = []
    drawn = {}
    for indent, name in lines:
        while path and path[-1][0] >= len(indent):
            path.pop()
        drawn[name] = path[-1][1] if path else "Exception"
        path.append((len(indent), name))
    assert drawn == {kind.__name__: kind.__bases__[0].__name__ for kind in CLASSES}


def test_every_error_can_be_imported_from_the_room() -> None:
    assert {kind.__name__ for kind in CLASSES} <= set(client.__all__)


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if not issubclass(kind, JobFailed)])
def test_the_docstring_is_the_default_message(kind: type[JobgateError]) -> None:
    message = str(kind())
    assert message.endswith(".")
    assert "\n" not in message
    assert kind().job is None


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if not issubclass(kind, JobFailed)])
def test_an_error_can_be_sent_to_another_process_without_its_job(kind: type[JobgateError]) -> None:
    with client.BlockingClient("http://h") as caller:
        error = kind()
        error.job = caller.job("a")
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.job) == (kind, str(error), None)
    assert vars(copy) | {"job": error.job} == vars(error)


def test_a_failure_shows_type_and_message_and_can_be_pickled() -> None:
    error = JobFailed("ValueError", "no", "error")
    assert str(error) == "ValueError: no"
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.type, copy.message, copy.code) == (JobFailed, "ValueError", "no", "error")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("error", JobFailed),
        ("timeout", JobFailed),
        ("something-new", JobFailed),
        ("aborted", JobAborted),
        ("unknown-function", errors.UnknownFunction),
        ("invalid-arguments", errors.InvalidArguments),
    ],
)
def test_the_failure_code_decides_the_class(code: str, kind: type[JobgateError]) -> None:
    with pytest.raises(JobgateError) as caught:
        JobEnd(success=False, type="T", message="m", code=code).value()
    assert type(caught.value) is kind


def test_the_http_client_loads_no_broker_and_no_redis() -> None:
    code = (
        "import sys; from jobgate.client import Client; Client('http://h');"
        "print([name for name in sys.modules if name.startswith(('redis', 'jobgate.broker'))])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@pytest.mark.parametrize(
    "missing", [["redis"], ["hiredis"], ["hiredis", "redis", "pydantic", "uvloop", "msgpack"]]
)
def test_a_missing_redis_library_is_one_sentence(missing: list[str]) -> None:
    """As in the base install: importing the room works, using its Redis side says what to install."""
    code = f"import sys; sys.modules.update(dict.fromkeys({missing}))\nfrom jobgate import client as c\nc.Client('redis://h')"
    words = [sys.executable, "-c", code]
    out = subprocess.run(words, capture_output=True, text=True, check=False).stderr
    assert out.splitlines()[-1].endswith(
        "is not installed: install jobgate with its extra [worker], pip install '.[worker]'."
    )
    assert "MissingExtra" in out.splitlines()[-1]
    assert out.count("Traceback") == 1
