"""The functions of a worker as it publishes them: what each one is called with, and what it returns."""

from jobgate.broker.catalogue.binding import MOST_MISFITS, ArgumentBinder, ArgumentPath, is_signature
from jobgate.broker.catalogue.catalogue_reader import read_catalogue
from jobgate.broker.catalogue.documents import (
    BY_NAME,
    BY_PLACE,
    LONGEST_CATALOGUE,
    NO_DEFAULT,
    Catalogue,
    FunctionDocument,
    Parameter,
    ParameterKind,
    Schema,
    joined,
)
from jobgate.broker.catalogue.known_patterns import KnownPattern
from jobgate.broker.catalogue.references import DEFINITIONS, definition_of

__all__ = [
    # What is published
    "BY_NAME", "BY_PLACE", "DEFINITIONS", "LONGEST_CATALOGUE", "NO_DEFAULT", "Catalogue", "FunctionDocument",
    "KnownPattern", "Parameter", "ParameterKind", "Schema", "definition_of", "joined", "read_catalogue",
    # Arguments
    "MOST_MISFITS", "ArgumentBinder", "ArgumentPath", "is_signature",
]  # fmt: skip
