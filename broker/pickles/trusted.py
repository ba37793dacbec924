"""Full unpickling, which runs the writer's code: for workers and clients that chose pickle."""

import io
import pickle
import sys
from typing import Any

from jobgate.broker.errors import DecodeError

#: arq's exceptions in pickled failures. A process that has not imported arq cannot catch them by class.
_ARQ_ERRORS = frozenset(
    ("arq.worker", name) for name in ("FailedJobs", "JobExecutionFailed", "Retry", "RetryJob")
) | frozenset(("arq.jobs", name) for name in ("DeserializationError", "ResultNotFound", "SerializationError"))


def load_trusted(blob: bytes) -> dict[str, Any]:
    """Return what a pickle holds.

    Raises:
        DecodeError: It cannot be loaded here.
    """
    try:
        return _TrustingReader(io.BytesIO(blob)).load()  # type: ignore[no-any-return]
    except Exception as error:  # a pickle may raise any class
        text = f"Stored bytes cannot be unpickled here ({error!r}): install the packages of its producer."
        raise DecodeError(text) from error


class _TrustingReader(pickle.Unpickler):
    """Loads real objects, and replaces arq's exceptions where arq is not imported."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ARQ_ERRORS and module not in sys.modules:
            return _stand_in(module, name)
        try:
            return super().find_class(module, name)
        except ImportError:
            if module.partition(".")[0] != "arq":
                raise
            return _stand_in(module, name)


def _stand_in(module: str, name: str) -> type[Exception]:
    """Return a class in place of one of arq's exceptions, all of which are RuntimeErrors."""
    return type(name, (RuntimeError,), {"__module__": module})
