"""What can be imported from jobgate.arq and its modules."""

import importlib
import inspect
import pickle
import re
import subprocess
import sys

import pytest

import jobgate.arq
from jobgate.arq import JobExecutionFailed, JobStatus, errors
from jobgate.client import JobFailed, JobgateError

#: `arq.__all__` of 0.28, and what arq's documentation imports from its modules.
ARQS = {
    "": "ArqRedis VERSION Retry Worker check_health create_pool cron func run_worker",
    ".connections": "ArqRedis RedisSettings create_pool",
    ".cron": "CronJob cron next_cron",
    ".jobs": "DeserializationError Deserializer Job JobDef JobResult JobStatus ResultNotFound "
    "SerializationError Serializer",
    ".worker": "FailedJobs Function JobExecutionFailed Retry RetryJob Worker check_health create_worker func "
    "get_kwargs run_worker",
}


@pytest.mark.parametrize("module", ARQS)
def test_arqs_names_are_where_arq_has_them(module: str) -> None:
    importlib.import_module(f"jobgate.arq{module}")
    found = sys.modules[f"jobgate.arq{module}"]
    assert set(ARQS[module].split()) <= {*found.__all__}
    assert set(ARQS[module].split()) <= {*jobgate.arq.__all__}
    for name in ARQS[module].split():
        assert getattr(found, name) is getattr(jobgate.arq, name)


@pytest.mark.parametrize("before", ["", "import jobgate.arq.cron", "from jobgate.arq.cron import next_cron"])
def test_cron_is_the_function_although_a_module_has_this_name_too(before: str) -> None:
    lines = [before, "from jobgate.arq import cron", "from jobgate.arq.cron import cron as same"]
    code = "\n".join([*lines, "assert cron is same", "cron(print, hour=1)"])
    subprocess.run([sys.executable, "-c", code], check=True)


def test_members_of_the_status_are_arqs() -> None:
    assert {name: member.value for name, member in JobStatus.__members__.items()} == {
        name: name for name in ("deferred", "queued", "in_progress", "complete", "not_found")
    }


CLASSES = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if kind.__module__ == errors.__name__ and issubclass(kind, JobgateError)
]


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    lines = re.findall(r"^(\W*)([A-Z]\w+)\b", (errors.__doc__ or "").split("```")[1], re.MULTILINE)
    path: list[tuple[int, str]] = []
    drawn = {}
    for indent, name in lines:
        while path and path[-1][0] >= len(indent):
            path.pop()
        if path:
            drawn[name] = path[-1][1]
        path.append((len(indent), name))
    bases = {kind.__name__: [base.__name__ for base in kind.__bases__] for kind in CLASSES}
    assert drawn.keys() == bases.keys()
    assert all(base in bases[name] for name, base in drawn.items())


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_is_exported_and_has_one_sentence(kind: type[JobgateError]) -> None:
    assert kind.__name__ in jobgate.arq.__all__
    assert (kind.__doc__ or "").split("\n\n")[0].endswith(".")


def test_a_job_that_could_not_run_has_arqs_message_and_jobgates_code() -> None:
    error = JobExecutionFailed("job expired", "expired")
    assert isinstance(error, JobFailed)
    copy = pickle.loads(pickle.dumps(error))
    assert copy == error
    assert (str(copy), repr(copy)) == ("job expired", "JobExecutionFailed('job expired')")
    assert (copy.type, copy.message, copy.code) == ("JobExecutionFailed", "job expired", "expired")
