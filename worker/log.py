"""The worker's logger, and the reasons of retries in words for operators."""

import logging

from jobgate.broker import BrokerError, WriteInDoubt, escape_record

logger = logging.getLogger("jobgate.worker")
# For lines whose formatter is the user's own: the text of an exception must not forge other lines.
logger.addFilter(escape_record)


def reason_of(error: BrokerError) -> str:
    """Return why an operation that will be repeated has failed, in words for operators."""
    # The message of a lost answer asks the caller to repeat the call, but the worker does that by itself.
    is_lost = isinstance(error, WriteInDoubt) and not error.reason
    return "Redis has not answered in time" if is_lost else str(error)
