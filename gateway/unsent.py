"""Large answers on their way to clients: one copy of each, and no more in all than there is room for."""

from weakref import WeakSet, WeakValueDictionary

from jobgate.broker.marks import JobMark
from jobgate.gateway.answers import LARGE, SharedBody
from jobgate.gateway.problems import Problem

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

    def share(self, key: Key, body: bytes, mark: JobMark, owner: str | None) -> SharedBody:
        """Hold a body for all who ask for it from now on, if it is large.

        Raises `Problem` 503 when there is no room for it.
        """
        shared = SharedBody(body, mark, owner)
        if len(body) > LARGE:
            held = sum(len(other.body) for other in self._held)
            if held and held + len(body) > self._limit:
                detail = "Ask again when other clients have read theirs."
                raise Problem("answers-unread", detail, headers=_RETRY_AFTER)
            self._held.add(shared)
            self._newest[key] = shared
        return shared
