"""Import settings and functions by name, from the current directory too."""

import difflib
import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from jobgate.worker.errors import LoadError


def load_settings(path: str) -> Any:
    """Import what `MODULE.NAME` (or `MODULE:NAME`) means, looking in the current directory first.

    Args:
        path: for example `shop.jobs.WorkerSettings`.

    Raises:
        LoadError: no such module or name, or the module fails while it is imported: the cause says where.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        # First, so that the user's own module wins; appended paths would find installed ones.
        sys.path.insert(0, here)
    return import_string(path, f"{path if path.isidentifier() else 'jobs'}.WorkerSettings")


def import_string(path: str, example: str = "jobs.send") -> Any:
    """Import the object that a dotted path names.

    Args:
        path: for example `shop.jobs.send_invoice`.
        example: what a path should look like, for the message.

    Raises:
        LoadError: no such module or name, or the module fails while it is imported: the cause says where.
    """
    module_name, _, name = path.replace(":", ".").rpartition(".")
    if "/" in path or "\\" in path:
        raise LoadError(_is_a_file(path))
    if not module_name or not name:
        raise LoadError(f"{path!r} is not of the form MODULE.NAME, for example {example}")
    module = _import_module(module_name, path)
    try:
        return getattr(module, name)
    except AttributeError:
        raise LoadError(_is_a_file(path) if name == "py" else _no_such_name(module, name)) from None


def _import_module(module_name: str, path: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise LoadError(f"{path}: module {module_name!r} imports {error.name!r}, install that") from error
        raise LoadError(f"{path}: no module {error.name!r} in {Path.cwd()} or installed") from None
    except Exception as error:
        raise LoadError(
            f"{path}: importing {module_name!r} failed: {type(error).__name__}: {error}"
        ) from error


def _no_such_name(module: ModuleType, name: str) -> str:
    near = difflib.get_close_matches(name, [known for known in vars(module) if not known.startswith("_")], 1)
    hint = f", did you mean {near[0]!r}?" if near else ""
    return f"module {module.__name__!r} has no {name!r}{hint}"


def _is_a_file(path: str) -> str:
    module, _, name = path.replace("\\", "/").removeprefix("./").partition(".py")
    name = name.strip(".:") or "WorkerSettings"
    right = f"{module.strip('/').replace('/', '.')}.{name}"
    return f"{path!r} is a file: write the module and what it holds, {right}"
