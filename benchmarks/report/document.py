"""A run as a JSON document: the tables, and what ran where."""

import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import orjson

from benchmarks.peers import PACKAGES, versions
from benchmarks.running import Failed
from benchmarks.tables import Table


@dataclass(frozen=True)
class Run:
    """One run of the benchmarks."""

    date: str
    machine: str
    command: str
    rounds: int
    #: Environment -> package -> version.
    versions: dict[str, dict[str, str]]
    tables: dict[str, Table]

    @classmethod
    def now(cls, tables: Sequence[Table], command: str, rounds: int) -> Self:
        """Describe the run that has just ended."""
        return cls(
            date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            machine=machine(),
            command=command,
            rounds=rounds,
            versions=_all_versions(),
            tables={table.name: table for table in tables},
        )

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        document = {**self.__dict__, "tables": [table.document() for table in self.tables.values()]}
        path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` has written."""
        document: dict[str, Any] = orjson.loads(path.read_bytes())
        tables = {one["name"]: Table.of(one) for one in document.pop("tables")}
        return cls(**document, tables=tables)


def machine() -> str:
    """Return what the machine is, as far as Linux says."""
    text = Path("/proc/cpuinfo").read_text()
    models = [line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")]
    kilobytes = int(Path("/proc/meminfo").read_text().split()[1])
    return (
        f"{os.cpu_count()} × {models[0] if models else platform.machine()}, {kilobytes / 2**20:.0f} GiB, "
        f"Linux {platform.release()}, Python {platform.python_version()}"
    )


def _all_versions() -> dict[str, dict[str, str]]:
    found = {}
    for environment in PACKAGES:
        try:
            found[environment] = versions(environment)
        except Failed as error:
            print(error, file=sys.stderr)
    return found
