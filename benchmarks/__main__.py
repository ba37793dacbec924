"""Measure jobgate beside what people would use instead, on a private server, in turns.

Each program runs as its documents say: its own command, its default log in a file. `make bench` makes the
environments that it needs. A full run takes about 20 minutes; use the machine for nothing else meanwhile.
"""

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.catalogue import CATALOGUE
from benchmarks.marks import verdicts
from benchmarks.report import Run, report
from benchmarks.running import Stage, note

ROUNDS = 3
EPILOG = """examples:
  make bench
  make bench BENCH='--only drain --only call-http --rounds 5'
  python -m benchmarks --only drain --quick
  python -m benchmarks --json run.json && python -m benchmarks.report run.json

The report goes to standard output and progress to standard error. The exit code is 1 if a mark was missed or
a program failed. `python -m benchmarks.report run.json` writes the figures of a run into docs/performance.md.
"""


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help="times that each program has its turn (default 3)"
    )
    parser.add_argument(
        "--only",
        action="append",
        metavar="NAME",
        help="run this benchmark, or all whose names begin with NAME-; can be repeated",
    )
    parser.add_argument(
        "--quick", action="store_true", help="a fifth of the work: to see that all runs, not to quote"
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write all figures to this file")
    parser.add_argument("--list", action="store_true", help="list the benchmarks and exit")
    return parser.parse_args(arguments)


def chosen(only: Sequence[str] | None) -> list[str]:
    """Return the names of the benchmarks to run.

    Raises:
        SystemExit: There is no such benchmark.
    """
    if not only:
        return list(CATALOGUE)
    for wanted in only:
        if not any(_is_meant(name, wanted) for name in CATALOGUE):
            raise SystemExit(f"There is no benchmark {wanted}. `--list` lists them.")
    return [name for name in CATALOGUE if any(_is_meant(name, wanted) for wanted in only)]


def _is_meant(name: str, wanted: str) -> bool:
    return name == wanted or (wanted not in CATALOGUE and name.startswith(f"{wanted}-"))


def _command(given: argparse.Namespace) -> str:
    """Return the command that repeats a run."""
    words = [f"--only {name}" for name in given.only or ()] + ["--quick"] * given.quick
    words += [f"--rounds {given.rounds}"] * (given.rounds != ROUNDS)
    return f"make bench BENCH='{' '.join(words)}'" if words else "make bench"


def main() -> None:
    """Measure and print."""
    given = options()
    names = chosen(given.only)
    if given.list:
        print(*CATALOGUE, sep="\n")
        return
    # As Ctrl-C does: what runs is ended, for it has sessions of its own.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    begun = time.monotonic()
    with Stage.built(given.rounds, is_quick=given.quick) as stage:
        tables = []
        for number, name in enumerate(names, 1):
            note(f"{name} ({number} of {len(names)})")
            tables.append(CATALOGUE[name](stage))
    note(f"{len(names)} benchmarks took {(time.monotonic() - begun) / 60:.1f} minutes")
    run = Run.now(tables, _command(given), given.rounds)
    if given.json:
        run.write(given.json)
    print(report(run))
    failed = any(table.failures for table in tables)
    missed = any(verdict.is_held is False for verdict in verdicts(run.tables))
    sys.exit(1 if failed or missed else 0)


if __name__ == "__main__":
    main()
