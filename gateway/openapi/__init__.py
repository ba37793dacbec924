"""The OpenAPI document: that of the API, and in it an operation for each live function."""

from jobgate.gateway.openapi.descriptions import (
    LONGEST_MAKING,
    Description,
    Descriptions,
    as_listed,
    base_document,
)

__all__ = ["LONGEST_MAKING", "Description", "Descriptions", "as_listed", "base_document"]
