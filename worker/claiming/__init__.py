"""Where jobs come from."""

from jobgate.worker.claiming.claimer import Claimer

__all__ = ["Claimer"]
