"""Operations on many jobs: counted, confirmed, begun, and followed to their ends."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from jobgate.cli.operate.job_filters import Which
from jobgate.cli.operate.question import can_ask, confirmed
from jobgate.cli.remote import Connection, ExitCode
from jobgate.cli.terminal import Bar, Column, Output, say

if TYPE_CHECKING:
    from jobgate.client import BulkCount, BulkResult, Client, JobHandle

Kind = Literal["retry", "abort"]
_DONE: Final = {"retry": "retried", "abort": "aborted"}


def _reasons(skipped: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {reason}" for reason, number in skipped.items())


@dataclass(frozen=True, kw_only=True, slots=True)
class _Counted:
    """What an operation would do in one queue."""

    #: None = the default queue.
    queue: str | None
    matched: int
    skipped: Mapping[str, int]
    counted_all: bool

    @property
    def left(self) -> int:
        """How many jobs it would retry or abort."""
        return self.matched - sum(self.skipped.values())


_COUNTED: Final = (
    Column("queue", lambda one: one.queue or "the default one"),
    Column("jobs", lambda one: f"{one.left}" if one.counted_all else f"at least {one.left}", right=True),
    Column("left alone", lambda one: _reasons(one.skipped), fold=True),
)


@dataclass(kw_only=True, slots=True)
class _Begun:
    """An operation in one queue."""

    counted: _Counted
    job: "JobHandle[BulkResult]"
    #: From 0 to 1.
    fraction: float = 0.0


@dataclass(frozen=True, slots=True)
class _Ended:
    """What an operation has done."""

    queue: str | None
    operation: str
    result: "BulkResult | None"


def _unknown(begun: _Begun) -> _Ended:
    """Return an operation whose result is not known."""
    return _Ended(begun.counted.queue, begun.job.id, None)


class Bulk:
    """An operation on many jobs of one or several queues.

    Args:
        kind: What is done.
        which: Which jobs.
        limit: Most jobs of each queue; None = as many as gateways allow by default.
        connection: Where the gateway is.
        output: Gets what has been done.
    """

    def __init__(
        self, kind: Kind, which: Which, limit: int | None, *, connection: Connection, output: Output
    ) -> None:
        self._kind: Kind = kind
        self._which = which
        self._limit = limit
        self._connection = connection
        self._output = output

    async def run(self, client: "Client", *, is_dry: bool, is_sure: bool, waits: bool) -> int:
        """Do it; return an exit code.

        Args:
            client: Asks the gateway.
            is_dry: Only count.
            is_sure: Do not ask.
            waits: Wait until it has ended.

        Raises:
            click.UsageError: Somebody has to be asked, and nobody is there.
        """
        if not (is_dry or is_sure or can_ask()):
            raise click.UsageError("Nobody can be asked here: look with --dry-run, then give --yes.")
        counted = [one for one in await self._count_all(client) if one.matched]
        if is_dry or (not is_sure and counted):
            self._output.records(counted, _COUNTED, nothing="There are no such jobs.")
        if is_dry:
            return ExitCode.OK
        todo = [one for one in counted if one.left or not one.counted_all]
        if not todo:
            left_alone = [_reasons(one.skipped) for one in counted if one.skipped]
            say(f"There is nothing to {self._kind}{': ' if left_alone else ''}{', '.join(left_alone)}.")
            return ExitCode.OK
        if not is_sure and not await self._is_wanted(todo):
            say("Nothing was changed.")
            return ExitCode.OK
        return await self._carry_out(client, todo, waits=waits)

    async def _count_all(self, client: "Client") -> list[_Counted]:
        queues = await self._which.queues_of(client)
        if None in queues and not self._which.filters:
            raise click.UsageError("Say which jobs: give --queue, --function or --since.")
        found = [(queue, await self._count(client, queue)) for queue in queues]
        return [
            _Counted(
                queue=queue,
                matched=count.matched,
                skipped=count.skipped,
                counted_all=count.counted_all,
            )
            for queue, count in found
        ]

    async def _count(self, client: "Client", queue: str | None) -> "BulkCount":
        filters = self._which.filters_for(queue)
        ask = client.bulk_retry if self._kind == "retry" else client.bulk_abort
        count: BulkCount = await ask(dry_run=True, **filters)
        return count

    async def _is_wanted(self, todo: Sequence[_Counted]) -> bool:
        total = sum(min(one.left, self._limit or one.left) for one in todo)
        number = f"{total:,}" if all(one.counted_all for one in todo) else f"At least {total:,}"
        jobs = "1 job" if number == "1" else f"{number} jobs"
        return await confirmed(f"{jobs} will be {_DONE[self._kind]}.")

    async def _carry_out(self, client: "Client", todo: Sequence[_Counted], *, waits: bool) -> int:
        from jobgate.client import JobgateError  # noqa: PLC0415 - it takes longer to import than all of this

        begun: list[_Begun] = []
        try:
            for one in todo:
                begun.append(_Begun(counted=one, job=await self._begin(client, one.queue)))
            ended = await self._follow(begun) if waits else list(map(_unknown, begun))
        except (JobgateError, asyncio.CancelledError):
            self._say_how_to_go_on(begun)
            raise
        self._write(ended)
        if not waits:
            self._say_how_to_go_on(begun)
            return ExitCode.OK
        is_done = all(one.result is not None and not one.result.errors for one in ended)
        return ExitCode.OK if is_done else ExitCode.JOB_FAILED

    async def _begin(self, client: "Client", queue: str | None) -> "JobHandle[BulkResult]":
        filters = self._which.filters_for(queue)
        ask = client.bulk_retry if self._kind == "retry" else client.bulk_abort
        begun: JobHandle[BulkResult] = await ask(limit=self._limit, **filters)
        return begun

    async def _follow(self, begun: Sequence[_Begun]) -> list[_Ended]:
        with Bar(counts=True) as bar:
            return list(await asyncio.gather(*(self._until_the_end(one, begun, bar) for one in begun)))

    async def _until_the_end(self, one: _Begun, begun: Sequence[_Begun], bar: Bar) -> _Ended:
        from jobgate.client import JobFailed  # noqa: PLC0415 - it takes longer to import than all of this

        async for event in one.job.events():
            if event.job.progress is not None:
                one.fraction = event.job.progress.fraction
            done = sum(each.fraction * each.counted.left for each in begun)
            bar.show(round(done), sum(each.counted.left for each in begun), one.counted.queue or "")
        try:
            return _Ended(one.counted.queue, one.job.id, await one.job.result())
        except JobFailed as error:
            how = "was aborted" if error.code == "aborted" else f"failed: {error}"
            say(f"The operation {one.job.id} {how}. What it has {_DONE[self._kind]} by then stays so.")
            return _unknown(one)

    def _say_how_to_go_on(self, begun: Sequence[_Begun]) -> None:
        if begun:
            ids, again = " ".join(one.job.id for one in begun), self._connection.again
            say(
                f"\nGateways go on with it. What has been {_DONE[self._kind]} stays so.\n"
                f"  to follow it: jobgate events {ids}{again}\n"
                f"  to stop it:   jobgate abort {ids}{again}"
            )

    def _write(self, ended: Sequence[_Ended]) -> None:
        done = _DONE[self._kind]
        records: list[dict[str, Any]] = [
            {
                "queue": one.queue,
                "operation": one.operation,
                **({} if one.result is None else _members(one.result, done)),
            }
            for one in ended
        ]
        self._output.records(records, _columns(done))
        for one in ended:
            if one.result is not None and one.result.limit_reached:
                say(f"Stopped at the limit; there may be more in {one.queue or 'the queue'}: see --limit.")
            for error in one.result.errors if one.result else ():
                say(f"{error.job_id}: {error.detail}")


def _members(result: "BulkResult", done: str) -> dict[str, Any]:
    members = asdict(result)
    members[done] = members.pop("done")
    return members


def _columns(done: str) -> Sequence[Column]:
    return (
        Column("queue", lambda one: one["queue"] or "the default one"),
        Column(done, lambda one: one.get(done), right=True),
        Column("left alone", lambda one: _reasons(one.get("skipped", {})), fold=True),
        Column("operation", lambda one: one["operation"], fold=True, optional=True),
    )
