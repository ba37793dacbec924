"""The files of the project, and how they get into its folder without replacing any other."""

from importlib.resources import files
from pathlib import Path
from typing import Final

#: Name of each file -> what it is for. Beside this file they end with `.txt`: they are not code of ours.
FILES: Final = {
    "my_jobs.py": "functions, and the settings of their worker",
    "test_my_jobs.py": "their tests",
    "pyproject.toml": "the settings of pytest",
    "requirements.txt": "packages that the functions need",
    "Dockerfile": "an image of the worker",
    "compose.yaml": "Valkey, gateway and worker on one machine",
    "README.md": "how to run, call, test and deploy it",
    ".gitignore": "what Git leaves alone",
}


class ProjectError(Exception):
    """The project cannot be written."""


def write_project(folder: Path) -> None:
    """Write all files into a folder, which is created if it does not exist.

    Raises:
        ProjectError: Some of them exist already, and nothing was written; or the folder cannot be used.
    """
    try:
        _require_free(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            _write(folder / name)
    except OSError as error:
        # A file that was opened and cannot be filled has no name in the error.
        raise ProjectError(f"{error.filename or folder} cannot be written: {error.strerror}.") from error


def _require_free(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ProjectError(f"{folder} is not a folder: name another one.")
    if taken := [name for name in FILES if _is_there(folder / name)]:
        raise ProjectError(
            f"{folder} already has {', '.join(taken)}, and nothing was written. Name a new folder, "
            "`jobgate init my_project`, or move these files away."
        )


def _is_there(path: Path) -> bool:
    """Whether something has this name, be it a link that leads nowhere."""
    return path.exists() or path.is_symlink()


def _write(path: Path) -> None:
    content = files("jobgate.cli.project") / f"{path.name}.txt"
    # `x`: what another program has just created is not replaced either.
    with path.open("xb") as file:
        file.write(content.read_bytes())
