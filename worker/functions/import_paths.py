"""Imports settings and functions by name, from the current directory too."""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from jobgate.broker import did_you_mean
from jobgate.worker.errors import LoadError


def load_settings(path: str) -> Any:
    """Import `MODULE.NAME` (or `MODULE:NAME`), from the current directory first.

    Args:
        path: For example `shop.jobs.WorkerSettings`.

    Raises:
        LoadError: There is no such module or name, or the module raises on import: then the cause says where.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        # First, so that the user's own module wins; appended paths would find installed ones.
        sys.path.insert(0, here)
    # Classes begin with a capital: where a class stands alone, its module was left out.
    is_module = path.isidentifier() and not path[0].isupper()
    name = path if path.isidentifier() else "WorkerSettings"
    found = import_string(path, f"{path}.WorkerSettings" if is_module else f"jobs.{name}")
    if isinstance(found, ModuleType):
        raise LoadError(_is_a_module(path))
    return found


def import_string(path: str, example: str = "jobs.send") -> Any:
    """Import the object that a dotted path names.

    Args:
        path: For example `shop.jobs.send_invoice`.
        example: A valid path for the error message.

    Raises:
        LoadError: There is no such module or name, or the module raises on import: then the cause says where.
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
        if _is_submodule(module, name):
            raise LoadError(_is_a_module(path)) from None
        raise LoadError(_is_a_file(path) if name == "py" else _no_such_name(module, name)) from None


def _is_submodule(module: ModuleType, name: str) -> bool:
    return hasattr(module, "__path__") and importlib.util.find_spec(f"{module.__name__}.{name}") is not None


def _is_a_module(path: str) -> str:
    module = path.replace(":", ".")
    return f"{path!r} is a module: add the name of its settings class, for example {module}.WorkerSettings"


def _import_module(module_name: str, path: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise LoadError(f"{path}: module {module_name!r} imports {error.name!r}: install it") from error
        raise LoadError(f"{path}: no module {error.name!r} in {Path.cwd()} or installed") from None
    except Exception as error:
        raise LoadError(
            f"{path}: importing {module_name!r} failed: {type(error).__name__}: {error}"
        ) from error


def _no_such_name(module: ModuleType, name: str) -> str:
    known = [known for known in vars(module) if not known.startswith("_")]
    return f"module {module.__name__!r} has no {name!r}{did_you_mean(name, known)}"


def _is_a_file(path: str) -> str:
    module, _, name = path.replace("\\", "/").removeprefix("./").partition(".py")
    name = name.strip(".:") or "WorkerSettings"
    right = f"{module.strip('/').replace('/', '.')}.{name}"
    return f"{path!r} is a file: write the module and the name in it, {right}"
