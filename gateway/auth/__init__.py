"""Who calls, what they may do, and how many of them may wait."""

from jobgate.gateway.auth.callers import ANYBODY, Caller, new_key
from jobgate.gateway.auth.keys_file import KeysFile
from jobgate.gateway.auth.wait_limit import Waits

__all__ = ["ANYBODY", "Caller", "KeysFile", "Waits", "new_key"]
