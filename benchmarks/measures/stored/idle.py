"""What idle workers ask of Redis."""

import sys
import threading
import time
from collections.abc import Mapping
from functools import partial

from benchmarks.programs.server_url import REDIS_URL
from benchmarks.running import Failed, Stage, child, in_turns
from benchmarks.tables import Figure, Table

FLEETS = (1, 10, 100)
#: Seconds until all are at rest, and of watching: longer than the longest wait of a worker.
SETTLE, WATCH, PATIENCE = 3.0, 12.0, 60.0
#: What ends the watching.
END = "the end of the benchmark"


def idle(stage: Stage) -> Table:
    """Measure fleets of idle workers, in one round."""
    figures = [
        Figure("commands", "Redis commands/s of all", more_is_better=False),
        Figure("inside", "commands/s with those inside of scripts", None),
        Figure("redis", "% of a core taken by Redis", more_is_better=False),
        Figure("workers", "% of a core taken by the workers", more_is_better=False),
    ]
    table = Table("idle", "Idle workers", figures)
    table.notes = ["All workers of a fleet are in one process: as processes they send the same commands."]
    return in_turns(
        table, stage.once, {f"{count} workers": partial(_fleet, stage, count) for count in FLEETS}
    )


def _fleet(stage: Stage, count: int) -> Mapping[str, float]:
    words = [sys.executable, "-m", "benchmarks.programs.many_workers", str(count)]
    with child(*words, variables={REDIS_URL: stage.url}) as workers:
        _wait_for(stage, count)
        time.sleep(SETTLE)
        redis_cpu, cpu, inside = stage.redis_cpu, workers.cpu, stage.commands
        time.sleep(WATCH)
        figures = {
            "redis": (stage.redis_cpu - redis_cpu) / WATCH * 100,
            "workers": (workers.cpu - cpu) / WATCH * 100,
            "inside": (stage.commands - inside - 1) / WATCH,
        }
        return figures | {"commands": _sent_in(stage, WATCH) / WATCH}


def _wait_for(stage: Stage, count: int) -> None:
    """Return when so many workers are announced."""
    deadline = time.monotonic() + PATIENCE
    with stage.client() as client:
        while client.zcard("arq:queue:workers") < count:
            if time.monotonic() > deadline:
                raise Failed(f"{count} workers did not start in {PATIENCE:.0f} s.")
            time.sleep(0.1)


def _sent_in(stage: Stage, seconds: float) -> int:
    """Return how many commands clients send: what a monitor sees, without what scripts do."""
    sent = 0
    with stage.client() as client, client.monitor() as monitor, stage.client() as other:
        threading.Timer(seconds, other.echo, [END]).start()
        for command in monitor.listen():
            if END in command["command"]:
                break
            sent += command["client_type"] != "lua"
    return sent
