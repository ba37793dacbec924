"""Who calls, what they may do, and how many of them may wait."""

from jobgate.gateway.auth.bad_keys import BadKeys
from jobgate.gateway.auth.callers import ANYBODY, Caller
from jobgate.gateway.auth.key_entry import KeyEntry, moment_text, new_key, renewed, same_rights
from jobgate.gateway.auth.keys_document import KeysDocument
from jobgate.gateway.auth.keys_editor import edited_keys
from jobgate.gateway.auth.keys_file import Keys, KeysFile, KeysText
from jobgate.gateway.auth.keys_source import keys_of_text, read_keys
from jobgate.gateway.auth.shared_waits import SharedWaits
from jobgate.gateway.auth.wait_limit import Waits

__all__ = [
    # Who calls
    "ANYBODY", "BadKeys", "Caller", "Keys", "KeysFile", "KeysText", "SharedWaits", "Waits",
    # Keys files
    "KeyEntry", "KeysDocument", "edited_keys", "keys_of_text", "moment_text", "new_key",
    "read_keys", "renewed", "same_rights",
]  # fmt: skip
