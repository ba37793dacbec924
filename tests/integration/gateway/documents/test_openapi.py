"""The running gateway and openapi.yaml agree: whatever is sent, no 5xx and no other answer than described."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.documents.api_document import api_document
from harness.forms import LONG
from harness.processes.commands import REPOSITORY, Processes
from harness.systems.gateways import PlayedWorker, running_gateway
from harness.tools import missing
from jobgate.broker import Broker

pytestmark = pytest.mark.early

#: How far schemathesis searches, and for how many seconds it may.
SEARCH, PATIENCE = (
    (("--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "950", "--seed", "11"), 5400)
    if LONG
    else (("--max-examples", "25", "--max-time", "10", "--seed", "1"), 240)
)
#: How many cases the search has at least; how many it has in ten seconds depends on the machine.
CASES = 20_000 if LONG else 1
CONFIG = REPOSITORY / "tests" / "harness" / "http" / "schemathesis.toml"
DOCUMENT = api_document()


@pytest.mark.timeout(PATIENCE + 60)
def test_schemathesis_finds_nothing(
    processes: Processes, redis_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = shutil.which("schemathesis", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    gateway = processes.gateway(redis_url, "--max-wait", "0.05")
    done = subprocess.run(
        [
            *(program or missing("schemathesis is not installed"), "--config-file", str(CONFIG)),
            *("run", f"{gateway.url}/openapi.json"),
            *("--checks", "all", "--exclude-checks", "ignored_auth", "--continue-on-failure"),
            *(*SEARCH, "--workers", "1", "--no-color"),
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": "harness.http.schemathesis_hooks",
            "PYTHONPATH": str(REPOSITORY / "tests"),
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    cases = sum(map(int, re.findall(r"(\d+) generated", done.stdout)))
    with capsys.disabled():
        sys.stdout.write(f"schemathesis: {cases:,} cases\n")
    assert cases >= CASES, done.stdout[-2000:]
    assert gateway.running
    assert "Traceback" not in gateway.log


def validator(name: str) -> Any:
    return jsonschema_rs.validator_for(
        {
            **DOCUMENT,
            "$ref": f"#/components/schemas/{name}",
            "$schema": "https://json-schema.org/draft/2020-12/schema",
        }
    )


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=15,
)


@given(
    st.lists(
        st.tuples(st.lists(VALUES, max_size=4), st.dictionaries(TEXTS, VALUES, max_size=4)),
        min_size=20,
        max_size=20,
    )
)
@settings(max_examples=5 if LONG else 2, deadline=None, suppress_health_check=list(HealthCheck))
def test_arguments_come_back_as_they_were_sent(
    redis_url: str, calls: list[tuple[list[Any], dict[str, Any]]]
) -> None:
    async def echo() -> None:
        patient = running_gateway(redis_url, redis_deadline=30.0)
        async with Broker(redis_url, deadline=30) as broker, patient as gateway:
            worker = PlayedWorker(broker)

            async def work() -> None:
                while True:
                    claimed = await worker.claim()
                    body = broker.decode_job(claimed.body or b"")
                    await worker.finish(claimed, {"args": body.args, "kwargs": body.kwargs})

            working = asyncio.create_task(work())
            is_outcome, is_job = validator("Outcome"), validator("Job")
            for args, kwargs in calls:
                status, outcome, _ = await gateway.post(
                    "/jobs/echo?wait=50", {"args": args, "kwargs": kwargs}
                )
                assert status == 200
                is_outcome.validate(outcome)
                assert outcome["result"] == {"args": args, "kwargs": kwargs}
                _, job, _ = await gateway.get(f"/jobs/{outcome['job_id']}/status")
                is_job.validate(job)
                assert (job["args"], job["kwargs"]) == (args, kwargs)
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    asyncio.run(echo())
