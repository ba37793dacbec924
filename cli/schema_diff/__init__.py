"""Compares the functions of two releases of a worker: would callers of the old one fail with the new one?"""

from jobgate.cli.schema_diff.catalogue_file import (
    UnreadableFile,
    read_functions,
    several_versions,
    write_functions,
)
from jobgate.cli.schema_diff.functions import Change, changes

__all__ = ["Change", "UnreadableFile", "changes", "read_functions", "several_versions", "write_functions"]
