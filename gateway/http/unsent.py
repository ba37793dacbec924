"""Large answers being sent to clients: one copy of each, and no more in all than there is room for."""

from collections.abc import Callable
from weakref import WeakSet, WeakValueDictionary

from jobgate.broker.job_marks import JobMark
from jobgate.gateway.http.answers import LARGE, SharedBody
from jobgate.gateway.http.problems import Problem

_RETRY_AFTER = "Retry-After: 1\r\n"

#: What is answered, of which job, and whether to a caller who inspects.
Key = tuple[str, str, bool]


class Unsent:
    """The large bodies that are held for clients who have not read them yet."""

    def __init__(self, limit: int) -> None:
        """`limit`: bytes of all of them together; one alone may have more."""
        self._limit = limit
        self._held: WeakSet[SharedBody] = WeakSet()
        self._newest: WeakValueDictionary[Key, SharedBody] = WeakValueDictionary()

    def find(self, key: Key) -> SharedBody | None:
        """A body that is held already; its `mark` says whether it is still right."""
        return self._newest.get(key)

    def shared(self, key: Key, mark: JobMark, owner: str | None, make: Callable[[], bytes]) -> SharedBody:
        """The body that shows a job in the state of `mark`: one that is held already, else made now.

        An empty mark is no state: its body is for nobody else. Raises `Problem` as `hold`.
        """
        shared = self.find(key)
        if shared is None or not mark or shared.mark != mark:
            shared = self.hold(make(), mark, owner)
            if mark and shared in self._held:
                self._newest[key] = shared
        return shared

    def hold(self, body: bytes, mark: JobMark = (), owner: str | None = None) -> SharedBody:
        """Count a body, if it is large, as long as it is held. Raises `Problem` 503 when there is no room."""
        shared = SharedBody(body, mark, owner)
        if len(body) > LARGE:
            held = sum(len(other.body) for other in self._held)
            if held and held + len(body) > self._limit:
                detail = "Try again when other clients have read their answers."
                raise Problem("answers-unread", detail, headers=_RETRY_AFTER)
            self._held.add(shared)
        return shared
