"""Has Redis keep neither counters nor indexes of jobs, to see what they cost.

python -m benchmarks.programs.without_books gateway …     runs a command of jobgate like that
"""

from jobgate.broker.scripts import loader
from jobgate.cli.main import main

_EMPTY = {
    "activity.lua": ("count_event", "write_counts"),
    "index.lua": ("list_ended", "keep_failure"),
}
_text = loader._text


def _bare_text(name: str) -> str:
    return "".join(f"local function {one}() end\n" for one in _EMPTY.get(name, ())) or _text(name)


def keep_no_books() -> None:
    """Replace the parts of the scripts that keep them, in this process."""
    loader._text = _bare_text  # type: ignore[assignment]


if __name__ == "__main__":
    keep_no_books()
    main()
