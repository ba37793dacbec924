"""The functions that requests name: valid names, and what live workers offer."""

from jobgate.gateway.functions.function_check import FunctionCheck, not_offered
from jobgate.gateway.functions.names import (
    QueueNames,
    function_name,
    status_path,
    why_not_function,
    why_not_new_id,
)

__all__ = [
    "FunctionCheck", "QueueNames", "function_name", "not_offered", "status_path", "why_not_function",
    "why_not_new_id",
]  # fmt: skip
