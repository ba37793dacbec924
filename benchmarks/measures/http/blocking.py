"""What a blocking call costs over an awaited one, through the same gateway."""

import subprocess
import sys
from collections.abc import Mapping

from benchmarks.peers import GATEWAY
from benchmarks.running import ROOT, Stage, in_turns
from benchmarks.tables import Figure, Table

CALLS = 1_000


def call_blocking(stage: Stage) -> Table:
    """Measure both in one process."""
    figures = [
        Figure(
            "more", "µs that a call of BlockingClient takes beyond one of Client, p50", more_is_better=False
        ),
        Figure("call", "µs of a call of Client, p50", more_is_better=False),
    ]

    def measure() -> Mapping[str, float]:
        with GATEWAY.running(stage, with_worker=True) as (_, port):
            calls = str(stage.scaled(CALLS))
            words = [
                sys.executable,
                "-m",
                "benchmarks.programs.client_calls",
                f"http://127.0.0.1:{port}",
                calls,
            ]
            done = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True)
        more, call = map(float, done.stdout.split())
        return {"more": more, "call": call}

    return in_turns(
        Table("call-blocking", "Calls of the blocking client", figures), stage, {"jobgate": measure}
    )
