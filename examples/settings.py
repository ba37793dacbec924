"""Settings of the example worker: `jobgate worker examples.settings.WorkerSettings`."""

from typing import Any, ClassVar

from examples.functions import count_words, fetch, flaky, hash_file, noop, slow_report, thumbnail
from examples.shop import convert_prices, make_invoice
from jobgate.worker import func


class WorkerSettings:
    """Has the same attributes as arq's `WorkerSettings`; docs/worker.md lists them all."""

    functions: ClassVar[list[Any]] = [
        convert_prices,
        count_words,
        # A server that does not answer must not occupy one of the worker's slots for five minutes.
        func(fetch, timeout=60),
        flaky,
        hash_file,
        make_invoice,
        noop,
        func(slow_report, timeout=3600),
        thumbnail,
    ]
    max_jobs = 20
