"""The generators and compilers that `make test` installs, with the versions of tests/interop/generators."""

from pathlib import Path

from harness.processes.commands import REPOSITORY
from harness.tools import missing, require_tool

#: Options with which node compiles a program less and collects garbage less: these are over in seconds.
BRIEFLY = ("--no-opt", "--max-semi-space-size=64")
_INSTALLED = REPOSITORY / ".generators"


def installed(path: str) -> Path:
    """Return a file or folder of the generators; skip the test, or fail it in CI, where it is missing."""
    found = _INSTALLED / path
    return found if found.exists() else Path(missing(f"no {path}: run make test"))


def node_programs() -> dict[str, str]:
    """Return shell lines for `npm` and `npx` that need no network: `npm install` finds its packages here."""
    require_tool("node")
    modules = installed("node/node_modules")
    known = f'for each; do case $each in -*) ;; *) test -d "{modules}/$each" || exit 1;; esac; done'
    return {
        "npm": f'test "$1" = install && shift && {known} && ln -sfn "{modules}" node_modules',
        "npx": f'program=$1; shift; exec node {" ".join(BRIEFLY)} "node_modules/.bin/$program" "$@"',
    }
