"""Write the figures of a run into docs/performance.md, and draw docs/performance.svg.

python -m benchmarks.report RUN.json
"""

import argparse
from pathlib import Path

from benchmarks.report.document import Run
from benchmarks.report.page import CHART, PAGE, rewrite
from benchmarks.running import ROOT


def main() -> None:
    """Rewrite both files."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.report",
        description="Write the figures of a run into docs/performance.md, and draw docs/performance.svg.",
    )
    parser.add_argument("run", type=Path, help="what `python -m benchmarks --json PATH` has written")
    rewrite(Run.read(parser.parse_args().run))
    print(f"{PAGE.relative_to(ROOT)} and {CHART.relative_to(ROOT)} are of this run.")


if __name__ == "__main__":
    main()
