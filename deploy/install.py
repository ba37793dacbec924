"""Install locked packages with pip and show the progress.

Usage: install.py PYTHON REQUIREMENTS [REQUIREMENTS …]. PYTHON is the interpreter of the target environment.
"""

import re
import subprocess
import sys
import time
from pathlib import Path

#: Seconds between two progress lines if the output is not a terminal.
QUIET = 10.0


def main() -> int:
    """Run pip and return its exit code."""
    python, *files = sys.argv[1:]
    total = len(
        {name for file in files for name in re.findall(r"^([\w.-]+)==", Path(file).read_text(), re.M)}
    )
    words = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "install"]
    words += ["--progress-bar=off", "--require-hashes", *(word for file in files for word in ("-r", file))]
    progress = Progress(total, " and ".join(Path(file).stem for file in files))
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as pip:  # noqa: S603 - pip of this Python
        for line in pip.stdout or ():
            progress.show(line)
    progress.end(pip.returncode)
    return pip.returncode


class Progress:
    """A line that counts packages: in place on a terminal, otherwise repeated every few seconds."""

    def __init__(self, total: int, name: str) -> None:
        self._total = total
        self._name = name
        self._found = 0
        self._said_at = time.monotonic()
        self._begun = self._said_at

    def show(self, line: str) -> None:
        """Handle one line of pip's output."""
        if found := re.match(r"(?:Collecting|Requirement already satisfied:) ([\w.-]+)", line):
            self._found += 1
            self._say(f"{min(self._found, self._total)} of {self._total} packages: {found[1]}")
        elif line.startswith("Installing collected packages"):
            self._say(f"installing {self._total} packages", at_once=True)

    def end(self, code: int) -> None:
        """Print the result. pip has printed its own errors."""
        took = f"{time.monotonic() - self._begun:.0f} s"
        self._say(f"{'done' if code == 0 else 'failed'} after {took}", at_once=True)
        if sys.stdout.isatty():
            sys.stdout.write("\n")

    def _say(self, text: str, *, at_once: bool = False) -> None:
        if sys.stdout.isatty():
            sys.stdout.write(f"\r\033[K  {self._name}: {text}")
        elif at_once or time.monotonic() - self._said_at >= QUIET:
            self._said_at = time.monotonic()
            sys.stdout.write(f"  {self._name}: {text}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
