"""What has changed for a caller that may see only its own jobs: counted from the feed of single events."""

from typing import Final

from jobgate.broker import Changes, FeedCursor, Happening, HappeningKind, JobEnd, Onlooker

_COUNTED: Final = {HappeningKind.ENQUEUED: "enqueued", HappeningKind.RETRIED: "retried"}
_ENDED: Final = {True: "succeeded", False: "failed"}


class OwnChanges:
    """Counts what an onlooker sees.

    Args:
        onlooker: The onlooker.
    """

    def __init__(self, onlooker: Onlooker) -> None:
        self._onlooker = onlooker

    @property
    def begin(self) -> FeedCursor | None:
        """When it began; None = it has not begun yet."""
        return self._onlooker.begin

    def take(self) -> Changes:
        """Return what has changed since this was called last. An abort counts as a failure."""
        changes = Changes()
        while (happening := self._onlooker.take()) is not None:
            if happening.kind is HappeningKind.GAP:
                changes.has_gap = True
            else:
                _add(changes, happening)
        return changes


def _add(changes: Changes, happening: Happening) -> None:
    counts = changes.of(happening.queue)
    kind = _COUNTED.get(happening.kind)
    if happening.kind is HappeningKind.FINISHED:
        kind = _ENDED.get(happening.success or False) if happening.success is not None else None
        changes.name([_end(happening)])
    if kind is not None:
        setattr(counts, kind, getattr(counts, kind) + 1)


def _end(happening: Happening) -> JobEnd:
    return JobEnd(
        job_id=happening.job_id,
        queue=happening.queue,
        time_ms=happening.time_ms or 0,
        function=happening.function,
        success=happening.success,
    )
