"""Stock arq, in an environment of its own beside the repository's (`make test` makes it)."""

from pathlib import Path

from harness.tools import missing

_BIN = Path(__file__).resolve().parents[2] / ".venv-arq" / "bin"


def arq_program(name: str = "python") -> str:
    """Return the path of a program in that environment; skip the test, or fail it in CI, without one."""
    path = _BIN / name
    return str(path) if path.is_file() else missing("there is no stock arq: `make .venv-arq/.installed`")
