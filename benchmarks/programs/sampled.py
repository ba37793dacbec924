"""Runs a command of jobgate and looks a thousand times in each second of its processor time where it is.

python -m benchmarks.programs.sampled FILE gateway …

Each SIGUSR1 writes what was seen since the last one to FILE: JSON, layer -> number of samples.
"""

import json
import os
import re
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

from jobgate.cli.main import main

_EVERY = 0.001
#: Parts of a file's path, and its layer; the first that fits. Time in C counts for the Python that called it.
_LAYERS = [
    (re.compile(pattern), layer)
    for pattern, layer in (
        (r"jobgate/gateway/http/", "gateway: HTTP"),
        (r"jobgate/gateway/", "gateway: checks, jobs, answers"),
        (r"jobgate/worker/claiming/|jobgate/worker/jobs/", "worker: jobs"),
        (r"jobgate/worker/", "worker: the rest"),
        (r"jobgate/broker/link/", "broker: link to Redis"),
        (r"jobgate/broker/bodies/", "broker: bodies"),
        (r"jobgate/broker/waiting/", "broker: waiting"),
        (r"jobgate/broker/", "broker: transitions"),
        (r"/aiohttp/", "aiohttp"),
        (r"/redis/", "redis-py"),
        (r"/asyncio/", "asyncio"),
    )
]


class Sampler:
    """Counts in which layer the main thread is.

    Args:
        path: The file that each SIGUSR1 writes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files: Counter[str] = Counter()

    def start(self) -> None:
        """Begin to look."""
        signal.signal(signal.SIGPROF, self._look)
        signal.signal(signal.SIGUSR1, self._write)
        signal.setitimer(signal.ITIMER_PROF, _EVERY, _EVERY)

    def _look(self, _: int, frame: FrameType | None) -> None:
        if frame is not None:
            self._files[frame.f_code.co_filename] += 1

    def _write(self, *_: object) -> None:
        layers: Counter[str] = Counter()
        for file, count in self._files.items():
            layers[layer_of(file)] += count
        self._files.clear()
        half_written = self._path.with_suffix(".new")
        half_written.write_text(json.dumps(layers))
        os.replace(half_written, self._path)


def layer_of(file: str) -> str:
    """Return the layer of a Python file."""
    return next((layer for pattern, layer in _LAYERS if pattern.search(file)), "other Python")


if __name__ == "__main__":
    path, *sys.argv[1:] = sys.argv[1:]
    Sampler(Path(path)).start()
    main()
