"""What happened to the jobs of a mixed fleet, and whether all of it was right.

Three accounts are held against each other: the lines that the functions wrote, what mixed_client.py saw from
both sides, and which workers were killed when.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

#: Seconds between the end of a function and its stored result within which a signal may cut in.
FINISHING = 2.0
#: Seconds that clocks of one machine are read apart: arq's and jobgate's times are whole milliseconds.
GRAIN = 0.005
#: Seconds at most from a signal until a job that it cut is due again: the lease, arq's lock, and some.
HELD = {"jobgate": 5 + FINISHING}
HELD_BY_ARQ = 15 + FINISHING
DEFER = {"later": 0.5, "at once": 0.0}


@dataclass(frozen=True)
class Worker:
    """One worker process of the fleet."""

    pid: int
    #: `jobgate`, or the version of arq.
    kind: str


class Signal(NamedTuple):
    """A worker was killed or asked to stop."""

    #: When the signal was sent, and when the worker was gone.
    time: float
    gone: float
    pid: int
    name: str


class Run(NamedTuple):
    """One start of a job."""

    start: float
    #: None: it was cut.
    end: float | None
    #: Whether it asked for another try.
    retries: bool
    pid: int


class View(NamedTuple):
    """A status that somebody saw at some moment between two."""

    status: str
    after: float
    before: float


@dataclass
class JobStory:
    """All that is known of one job."""

    kind: str
    #: When it is due, at the earliest and at the latest: by the clock before and after the enqueue.
    due: float
    due_until: float
    runs: list[Run] = field(default_factory=list)
    #: Of both sides, in the order in which they were seen.
    views: list[View] = field(default_factory=list)
    #: Success, result and tries, as arq reads them and as the gateway tells them.
    outcomes: list[list[object]] = field(default_factory=list)


@dataclass
class Figures:
    """What a run of the fleet came to; `wrong` is to be empty."""

    jobs: int = 0
    runs: int = 0
    looks: int = 0
    #: Looks in which arq saw the same before and after the gateway's look; the gateway agreed.
    agreed: int = 0
    #: The same, and it saw something else, because the job went away and came back in between.
    raced: int = 0
    signals: Counter[str] = field(default_factory=Counter)
    #: Runs by kind of worker.
    by: Counter[str] = field(default_factory=Counter)
    #: Runs that a signal cut, so that the job ran again.
    repeated: int = 0
    #: Tries that arq <= 0.26.1 started before they were due.
    early: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """One line for people."""
        return (
            f"{self.jobs} jobs, {self.runs} runs by {dict(self.by)}, signals {dict(self.signals)}, "
            f"{self.repeated} repeated after a signal, {self.early} started early, {self.looks} looks: "
            f"{self.agreed} brackets agreed, {self.raced} raced, {len(self.wrong)} wrong"
        )


class MixedHistory:
    """All accounts of one run.

    Args:
        lines: what the functions wrote.
        seen: what the client wrote.
        workers: all that were ever started.
        signals: who was killed when.
    """

    def __init__(self, lines: Path, seen: Path, workers: list[Worker], signals: list[Signal]) -> None:
        self.kinds = {worker.pid: worker.kind for worker in workers}
        self.signals = signals
        self.jobs: dict[str, JobStory] = {}
        self.figures = Figures(signals=Counter(signal.name for signal in signals))
        self._read_seen(seen)
        self._read_runs(lines)

    def check(self) -> Figures:
        """Hold all against all."""
        figures = self.figures
        figures.jobs = len(self.jobs)
        for job_id, job in self.jobs.items():
            for complaint in (*self._outcome(job_id, job), *self._runs(job), *self._views(job)):
                figures.wrong.append(f"{job_id} ({job.kind}): {complaint}; {job}")
        return figures

    # -- reading

    def _read_seen(self, seen: Path) -> None:
        for line in seen.read_text().splitlines():
            what, job_id, *words = json.loads(line)
            if what == "job":
                self.jobs[job_id] = JobStory(*words)
            elif what == "look":
                self._read_look(self.jobs[job_id], *words)
            else:
                self.jobs[job_id].outcomes = words

    def _read_look(
        self, job: JobStory, began: float, first: str, gateways: str, again: str, ended: float
    ) -> None:
        job.views += [View(status, began, ended) for status in (first, gateways, again)]
        self.figures.looks += 1
        if first == again:
            # One that did not agree went back and forth: the views tell whether it had a reason.
            self.figures.agreed += first == gateways
            self.figures.raced += first != gateways

    def _read_runs(self, lines: Path) -> None:
        open_runs: dict[tuple[str, str, int], float] = {}
        ended: dict[str, list[Run]] = defaultdict(list)
        for line in lines.read_text().splitlines():
            moment, what, job_id, number, pid = line.split()
            key = (job_id, number, int(pid))
            start = open_runs.pop(key, None)
            if what == "start":
                open_runs[key] = float(moment)
                end, retries = None, False
            else:
                end, retries = float(moment), what == "retry"
            if start is not None:
                ended[job_id].append(Run(start, end, retries, key[2]))
            elif end is not None:
                self.figures.wrong.append(f"{job_id} ended and had not begun")
        for (job_id, _, worker), start in open_runs.items():
            ended[job_id].append(Run(start, None, False, worker))
        for job_id, runs in ended.items():
            if job_id not in self.jobs:
                self.figures.wrong.append(f"{job_id} ran and was never asked for")
                continue
            self.jobs[job_id].runs = sorted(runs, key=lambda run: run.start)
            self.figures.runs += len(runs)
            self.figures.by.update(self.kinds[run.pid] for run in runs)

    # -- outcomes and runs

    def _outcome(self, job_id: str, job: JobStory) -> Iterator[str]:
        if not any(run.end is not None and not run.retries for run in job.runs):
            yield "lost: it never ran to its end"
        if len(job.outcomes) != 2:
            yield "lost: it has no outcome"
            return
        theirs, ours = job.outcomes
        if theirs != ours:
            yield "the two sides read different outcomes"
        success, result, tries = theirs[0], theirs[1], theirs[2]
        last = {run.pid for run in job.runs if run.end is not None and not run.retries}
        expected = [False, {f"ValueError('{job_id}')"}] if job.kind == "failing" else [True, last]
        if [success] != expected[:1] or result not in expected[1]:  # type: ignore[operator]
            yield "another outcome than its last run had"
        if not self._was_touched(job) and tries != len(job.runs):
            yield "its tries are not its starts"

    def _runs(self, job: JobStory) -> Iterator[str]:
        done = min((view.before for view in job.views if view.status == "complete"), default=float("inf"))
        if job.runs and job.runs[0].start < job.due - GRAIN:
            yield "it started before it was due"
        for run, following in pairwise(job.runs):
            if run.retries:
                yield from self._retried(job, run, following)
            elif self._cut(run) is None:
                yield "it ran twice without need"
            else:
                self.figures.repeated += 1
        if any(run.start > done for run in job.runs):
            yield "it ran after it had ended"

    def _retried(self, job: JobStory, run: Run, following: Run) -> Iterator[str]:
        assert run.end is not None
        if following.start >= run.end + DEFER[job.kind] - GRAIN:
            return
        self.figures.early += 1
        if job.kind != "later" or self.kinds[following.pid] != "0.26.0":
            yield f"a try started early in {self.kinds[following.pid]}"

    def _cut(self, run: Run) -> Signal | None:
        """Return the signal that its worker got while it ran, or while its result was on the way."""
        for signal in self.signals:
            is_over = run.end is not None and run.end + FINISHING < signal.time
            if signal.pid == run.pid and run.start <= signal.gone and not is_over:
                return signal
        return None

    def _was_touched(self, job: JobStory) -> bool:
        """Whether a signal may have had to do with this job: a claim may also be cut before the start."""
        if any(self._cut(run) for run in job.runs):
            return True
        first, last = job.due, max((run.start for run in job.runs), default=float("inf"))
        return any(first - GRAIN <= signal.gone and signal.time <= last + GRAIN for signal in self.signals)

    # -- statuses

    def _views(self, job: JobStory) -> Iterator[str]:
        """Look for steps that no job may take, in what both sides saw, one after the other."""
        if not job.views or job.views[-1].status != "complete":
            yield "nobody saw it end"
        reasons = sorted(self._reasons(job), key=lambda reason: reason.before)
        for view, following in pairwise(job.views):
            if "not_found" in (view.status, following.status):
                yield "it was not found"
            elif not self._is_legal(job, view, following, reasons):
                yield f"seen {following.status} after {view.status} at {following.before:.3f}"
        may_wait = job.kind == "deferred" or any(run.retries for run in job.runs)
        if not may_wait and any(view.status == "deferred" for view in job.views):
            yield "seen deferred, and was not"

    def _reasons(self, job: JobStory) -> Iterator[View]:
        """All that puts a job back, each with what it is then and when: it does so once."""
        cuts = set()
        for run in job.runs:
            if run.retries and run.end is not None:
                yield View("deferred" if job.kind == "later" else "queued", run.end, run.end + FINISHING)
            if signal := self._cut(run):
                cuts.add(signal)
                yield self._reason(signal)
        # A claim may be cut before the function has written a line.
        first, last = job.due - GRAIN, max((run.start for run in job.runs), default=float("inf"))
        for signal in self.signals:
            if signal not in cuts and first <= signal.gone and signal.time <= last:
                yield self._reason(signal)

    def _reason(self, signal: Signal) -> View:
        held = HELD.get(self.kinds[signal.pid], HELD_BY_ARQ)
        return View("queued", signal.time, signal.gone + held)

    def _is_legal(self, job: JobStory, view: View, following: View, reasons: list[View]) -> bool:
        """Whether a job may be seen like this after that; the reason of a step back is used up."""
        order = ("deferred", "queued", "in_progress", "complete")
        if order.index(following.status) >= order.index(view.status):
            return True
        if view.status == "complete":
            return False
        for reason in reasons:
            is_then = reason.after <= following.before and view.after <= reason.before
            # Deferred may have become queued before anybody looked.
            if is_then and following.status in (reason.status, "queued"):
                reasons.remove(reason)
                return True
        return (view.status, following.status) == ("queued", "deferred") and self._is_just_due(job, view)

    def _is_just_due(self, job: JobStory, view: View) -> bool:
        """Whether a due time may be this very moment: arq rounds its clock to ms, Redis' own is cut."""
        dues = [(job.due, job.due_until)]
        for run in job.runs:
            if run.retries and run.end is not None:
                dues.append((run.end + DEFER[job.kind], run.end + DEFER[job.kind] + FINISHING))
        return any(early - GRAIN <= view.before and view.after <= late + GRAIN for early, late in dues)
