"""What a worker process reports to its supervisor."""

import threading

from jobgate.cli.supervision import BEAT, StatusWriter
from jobgate.worker import Settings, Worker


class WorkerLife:
    """Reports that a worker has started, and every second after that whether it is alive or stuck.

    The reports come from a thread: the worker itself deals with a blocked event loop. A process that is
    frozen as a whole, or in which one thread holds the interpreter for ever, sends none.

    Args:
        status: The pipe to the supervisor.
        settings: The worker's settings.
    """

    def __init__(self, status: StatusWriter, settings: Settings) -> None:
        self._status = status
        self._settings = settings
        self._has_started = threading.Event()

    def start(self) -> None:
        """Report that the worker has started."""
        self._status.started(is_burst=self._settings.burst, lease=self._settings.lease)
        self._has_started.set()

    def follow(self, worker: Worker) -> None:
        """Report the life of a worker, once it has started."""
        threading.Thread(target=self._beat, args=(worker,), name="jobgate-beat", daemon=True).start()

    def _beat(self, worker: Worker) -> None:
        self._has_started.wait()
        pause = threading.Event()
        while not pause.wait(BEAT):
            self._status.alive(is_stuck=worker.is_stuck)
