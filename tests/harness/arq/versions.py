"""Stock arq: an environment for each version that is tested; `make test` makes them."""

from pathlib import Path

from harness.forms import LONG
from harness.tools import missing

_HOME = Path(__file__).resolve().parents[3] / ".venv-arq"

#: The versions that share a Redis with jobgate in the tests, the oldest first.
ARQ_VERSIONS = ("0.26.0", "0.26.3", "0.28.0")
#: Those that run: all in the long form. The one in the middle differs from the oldest in two lines of its
#: worker, which the newest has too.
RUNNING_VERSIONS = ARQ_VERSIONS if LONG else (ARQ_VERSIONS[0], ARQ_VERSIONS[-1])


def arq_program(name: str = "python", version: str = ARQ_VERSIONS[-1]) -> str:
    """Return the path of a program of that version; skip the test, or fail it in CI, without it."""
    path = _HOME / version / "bin" / name
    return str(path) if path.is_file() else missing(f"there is no arq {version}: `make .venv-arq/.installed`")


def is_arqs(program: str) -> bool:
    """Whether this is a program of one of these environments that Python runs."""
    path = Path(program)
    return path.is_relative_to(_HOME) and path.name in {"arq", "python"}
