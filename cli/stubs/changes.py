"""What has changed between two generated modules, whatever a formatter has done to the first."""

import ast
from collections.abc import Iterator


def changes(before: str, after: str) -> list[str]:
    """Return the declarations that differ, as lines of a diff; empty if none does.

    `-` is gone, `+` is new, and both are there for a function that has another signature. `~` is a type with
    other members, or a function with another description.

    Args:
        before: Text of the module that a program has now.
        after: Text of the module as it would be generated.
    """
    old, new = _declarations(before), _declarations(after)
    names = sorted({*old, *new})
    return [line for name in names for line in _lines(old.get(name), new.get(name))]


def _lines(old: ast.stmt | None, new: ast.stmt | None) -> Iterator[str]:
    if old is not None and new is not None and _shown(old) == _shown(new):
        if ast.dump(old) != ast.dump(new):
            yield f"~ {_shown(new)}"
        return
    if old is not None:
        yield f"- {_shown(old)}"
    if new is not None:
        yield f"+ {_shown(new)}"


def _declarations(text: str) -> dict[str, ast.stmt]:
    """Return what declares each name of a module; of a text that is not Python nothing."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    return {name: one for one in body if (name := _name(one))}


def _name(one: ast.stmt) -> str:
    match one:
        case ast.ClassDef(name=name) | ast.AsyncFunctionDef(name=name):
            return name
        case ast.AnnAssign(target=ast.Name(name)) | ast.Assign(targets=[ast.Name(name)]):
            return name
    return ""


def _shown(one: ast.stmt) -> str:
    if isinstance(one, ast.AsyncFunctionDef):
        returns = "" if one.returns is None else f" -> {ast.unparse(one.returns)}"
        return f"{one.name}({ast.unparse(one.args)}){returns}"
    return _name(one)
