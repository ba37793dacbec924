"""Many calls at once: what is to be called, and how it is sent without holding all of it in memory."""

from jobgate.client.many.call import Call, CallOptions
from jobgate.client.many.feed import Source
from jobgate.client.many.progress import ProgressReports
from jobgate.client.many.window import windowed

__all__ = ["Call", "CallOptions", "ProgressReports", "Source", "windowed"]
