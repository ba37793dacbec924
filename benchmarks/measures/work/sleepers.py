"""Jobs that wait: a thousand at once in one worker."""

from functools import partial

from benchmarks.measures.work.drain import FIGURES, drained
from benchmarks.peers import PEERS
from benchmarks.running import Stage, in_turns
from benchmarks.tables import Table

AT_ONCE, JOBS, SECONDS = 1_000, 6_000, 1.0


def sleepers(stage: Stage) -> Table:
    """Compare one worker of each. A thousand jobs a second is all that is possible."""
    table = Table("sleepers", f"Jobs that sleep for a second, {AT_ONCE:,} at once in one worker", FIGURES)
    job = ("sleep", (SECONDS,))
    contenders = {
        name: partial(drained, stage, peer, JOBS, at_once=AT_ONCE, job=job) for name, peer in PEERS.items()
    }
    return in_turns(table, stage.once, contenders)
