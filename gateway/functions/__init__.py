"""The functions that requests name: valid names, and what live workers offer."""

from jobgate.gateway.functions.argument_check import ArgumentCheck
from jobgate.gateway.functions.descriptions import Description, Descriptions, as_listed, base_document
from jobgate.gateway.functions.function_check import FunctionCheck
from jobgate.gateway.functions.names import (
    QueueNames,
    function_name,
    status_path,
    why_not_function,
    why_not_new_id,
)
from jobgate.gateway.functions.pointers import json_pointer

__all__ = [
    # Names
    "QueueNames", "function_name", "json_pointer", "status_path", "why_not_function", "why_not_new_id",
    # Live functions
    "ArgumentCheck", "Description", "Descriptions", "FunctionCheck", "as_listed", "base_document",
]  # fmt: skip
