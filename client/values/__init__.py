"""Values on their way: arguments become plain data, results get the type that their function promises."""

from jobgate.client.values.checked import checked
from jobgate.client.values.plain_data import JSON, MSGPACK, one_step
from jobgate.client.values.result_types import ReadResult, reader_of

__all__ = [
    # Arguments
    "JSON", "MSGPACK", "one_step",
    # Results
    "ReadResult", "reader_of",
    # Records of the other side
    "checked",
]  # fmt: skip
