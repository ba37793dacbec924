"""Stock arq clients of each version get from jobgate's workers what they get from arq's."""

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from harness.arq.stock import INTEROP, arq_script, arq_worker, last_words
from harness.arq.versions import RUNNING_VERSIONS, arq_program
from harness.processes.commands import Process, Processes

SETTINGS = "fleet_functions.WorkerSettings"
#: What arq's clients read, with pickle, where jobgate's workers say more in an exception of the same class.
MORE_IS_SAID: Mapping[str, list[str]] = {
    "a_timeout": [""],
    "a_cancellation_where_no_retry_is_allowed": [""],
    "a_result_that_cannot_be_written": ["unable to serialize result"],
    "a_body_that_cannot_be_read": ["unable to deserialize job"],
    "stages": [""],
    "abort_of_a_deferred_job": [""],
    "abort_of_a_job_that_is_due": [""],
}
#: JSON and msgpack hold no exceptions. arq's workers store "unable to serialize result" for all of these;
#: jobgate's store type and message, which arq's clients show in the same SerializationError.
TYPES: Mapping[str, str] = {
    "an_exception_of_python": "ValueError",
    "an_exception_of_ones_own": "Refused",
    "an_unknown_function": "JobExecutionFailed",
    "a_timeout": "TimeoutError",
    "too_many_tries": "JobExecutionFailed",
    "a_result_that_cannot_be_written": "SerializationError",
    "a_job_that_nobody_took_in_time": "JobExecutionFailed",
    "a_body_that_cannot_be_read": "DeserializationError",
    "a_retry_where_none_is_allowed": "Retry",
    "a_cancellation_where_no_retry_is_allowed": "CancelledError",
    "stages": "CancelledError",
    "abort_of_a_deferred_job": "CancelledError",
    "abort_of_a_job_that_is_due": "CancelledError",
}


def start_worker(
    processes: Processes, redis_url: str, queue: str, serializer: str, version: str, **environment: str
) -> Process:
    """Start a worker: of stock arq in this version, or of jobgate."""
    variables = {"QUEUE": queue, "POLL_DELAY": "0.05", **environment}
    if serializer != "pickle":
        variables["SERIALIZER"] = serializer
    if version:
        return arq_worker(processes, redis_url, version=version, **variables)
    words = ["worker", SETTINGS, "--redis", redis_url]
    words += ["--serializer", "pickle"] if serializer == "pickle" else []
    return processes.start(*words, cwd=INTEROP, env={"PYTHONPATH": str(INTEROP), **variables})


#: What clients see: by their version and the queue, `ours` or that of arq's own workers.
Seen = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture
def see(processes: Processes, redis_url: str) -> Callable[..., Seen]:
    """Run clients of all versions, on the queue of jobgate's workers and on those of `references`."""

    def see(serializer: str, references: Sequence[str]) -> Seen:
        for queue, version in {"ours": "", **{f"arq-{one}": one for one in references}}.items():
            start_worker(processes, redis_url, queue, serializer, version)
            start_worker(processes, redis_url, f"{queue}-once", serializer, version, RETRY_JOBS="no")
        started = {}
        places = [(version, "ours") for version in RUNNING_VERSIONS]
        for version, queue in [*places, *((one, f"arq-{one}") for one in references)]:
            words = (redis_url, queue, f"{version}-on-{queue}", serializer)
            started[version, queue] = arq_script(processes, "arq_client_calls.py", *words, version=version)
        return {key: last_words(client, 50) for key, client in started.items()}

    return see


def messages(outcome: Any) -> set[str]:
    """The texts of all exceptions in an outcome."""
    if not isinstance(outcome, list):
        return set()
    if outcome[:1] == ["raises"]:
        return {outcome[2]}
    return set().union(*map(messages, outcome))


def without_messages(outcome: Any) -> Any:
    """An outcome with nothing but the classes of exceptions."""
    if not isinstance(outcome, list):
        return outcome
    return outcome[:2] if outcome[:1] == ["raises"] else [*map(without_messages, outcome)]


def classes(outcomes: Mapping[str, Any]) -> dict[str, Any]:
    """The outcomes without the texts of exceptions."""
    return {name: without_messages(outcome) for name, outcome in outcomes.items()}


def test_a_stock_client_with_pickle_sees_the_same(see: Callable[..., Seen]) -> None:
    seen = see("pickle", RUNNING_VERSIONS)
    for version in RUNNING_VERSIONS:
        theirs, ours = seen[version, f"arq-{version}"], seen[version, "ours"]
        assert classes(ours) == classes(theirs)
        found = {name: sorted(messages(theirs[name])) for name in theirs if theirs[name] != ours[name]}
        assert found == MORE_IS_SAID
        assert all(all(messages(ours[name])) for name in found)
        assert ours["an_exception_of_ones_own"] == ["raises", "fleet_functions.Refused", "('no', 7)"]
        assert ours["too_many_tries"][1] == "arq.worker.JobExecutionFailed"


@pytest.mark.parametrize("serializer", ["json", "msgpack"])
def test_a_stock_client_with_a_serializer_of_its_own_sees_more(
    see: Callable[..., Seen], serializer: str
) -> None:
    newest = RUNNING_VERSIONS[-1]
    seen = see(serializer, [newest])
    theirs = seen[newest, f"arq-{newest}"]
    for version in RUNNING_VERSIONS:
        ours = seen[version, "ours"]
        assert classes(ours) == classes(theirs)
        found = {name for name in theirs if theirs[name] != ours[name]}
        assert set().union(*(messages(theirs[name]) for name in found)) == {"unable to serialize result"}
        told = {name: {ast.literal_eval(text)["type"] for text in messages(ours[name])} for name in found}
        assert told == {name: {kind} for name, kind in TYPES.items()}


def test_arqs_check_follows_the_life_of_a_jobgate_worker(processes: Processes, redis_url: str) -> None:
    def checks() -> set[int]:
        """The exit codes of `arq --check` of all versions."""
        variables = {"PYTHONPATH": str(INTEROP), "REDIS_URL": redis_url, "QUEUE": "ours"}
        started = [
            processes.start(
                SETTINGS, "--check", program=arq_program("arq", version), cwd=INTEROP, env=variables
            )
            for version in RUNNING_VERSIONS
        ]
        return {check.wait() for check in started}

    assert checks() == {1}
    worker = start_worker(processes, redis_url, "ours", "pickle", "")
    worker.wait_for_log("recording health")
    assert checks() == {0}
    assert worker.terminate() == 0
    assert checks() == {1}
