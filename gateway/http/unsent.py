"""Large answers that clients have not read yet: one copy of each, within a limit of memory."""

from collections.abc import Callable, Hashable
from weakref import WeakValueDictionary, finalize

from jobgate.gateway.counts import Occupancy
from jobgate.gateway.http.answers import LARGE, SharedBody
from jobgate.gateway.http.problems import Problem


class Unsent:
    """The large bodies that are kept for clients who have not read them yet.

    Args:
        limit: Bytes of all of them together; a single one may be larger.
        size: Where their bytes are counted.
    """

    def __init__(self, limit: int, size: Occupancy) -> None:
        self._limit = limit
        self._size = size
        self._newest: WeakValueDictionary[Hashable, SharedBody] = WeakValueDictionary()

    def find(self, key: Hashable) -> SharedBody | None:
        """Return a body that is kept already; its `version` says whether it is up to date."""
        return self._newest.get(key)

    def shared(
        self, key: Hashable, version: object, owner: str | None, make: Callable[[], bytes]
    ) -> SharedBody:
        """Return the body that shows a version of its subject: the one that is kept, or a new one.

        Args:
            key: What is shown, and to which kind of caller.
            version: The state that it shows; an empty one is never shared.
            owner: Name of the caller that the subject belongs to.
            make: Makes the body.

        Raises:
            Problem: 503, as `hold`.
        """
        shared = self.find(key) if version else None
        if shared is None or shared.version != version:
            shared = self.hold(make(), version, owner)
            if version and len(shared.body) > LARGE:
                self._newest[key] = shared
        return shared

    def hold(self, body: bytes, version: object = None, owner: str | None = None) -> SharedBody:
        """Count a large body until its last answer is sent; raises `Problem` 503 if there is no room."""
        shared = SharedBody(body, version, owner)
        if len(body) > LARGE:
            held = self._size.taken()
            if held and held + len(body) > self._limit:
                raise Problem("answers-unread", "Try again when other clients have read their answers.")
            self._size.add(len(body))
            finalize(shared, self._size.add, -len(body)).atexit = False
        return shared
