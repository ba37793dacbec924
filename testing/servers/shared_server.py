"""The embedded server of a test run: one for each process, started when the first test needs it."""

import contextlib
import os
import shutil
import tempfile
from multiprocessing.util import Finalize
from pathlib import Path

from jobgate.broker import EmbeddedServerError
from jobgate.broker.embedded import EmbeddedServer
from jobgate.testing.errors import TestingError

_INSTEAD = (
    "Or use another Redis server, with a database for these tests alone: override the fixture "
    "jobgate_redis_url, or set redis_url in a unittest class."
)


class SharedServer:
    """An embedded server that is started once, and stopped with the process or by `stop`."""

    def __init__(self) -> None:
        self._server: EmbeddedServer | None = None
        self._process = 0

    def url(self) -> str:
        """Return its URL; start it if this process has none.

        Raises:
            TestingError: It is not installed, or cannot be started.
        """
        # A forked process has a server of its own, and leaves that of its parent alone.
        if self._server is None or self._process != os.getpid():
            self._server, self._process = self._started(), os.getpid()
        return self._server.url

    def _started(self) -> EmbeddedServer:
        folder = Path(tempfile.mkdtemp(prefix="jobgate-testing-"))
        server = EmbeddedServer(folder, is_temporary=True)
        try:
            server.start()
        except EmbeddedServerError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise TestingError(f"{error} {_INSTEAD}") from None
        # Called also at the end of a process of multiprocessing, which calls no functions of atexit.
        Finalize(self, self.stop, exitpriority=0)
        return server

    def stop(self) -> None:
        """Stop the server of this process, and delete its data."""
        server, self._server = self._server, None
        if server is not None and self._process == os.getpid():
            with contextlib.suppress(OSError):
                server.stop()
            shutil.rmtree(server.data_dir, ignore_errors=True)


SHARED_SERVER = SharedServer()
