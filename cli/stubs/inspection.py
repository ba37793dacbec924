"""A look at a generated module before it is handed out: it may only declare, whatever a gateway has said."""

import ast
from typing import Final

from jobgate.cli.stubs.functions import StubsError

#: What annotations consist of.
_TYPES: Final = (
    ast.BinOp, ast.BitOr, ast.Constant, ast.Load, ast.Name, ast.Subscript, ast.Tuple, ast.UnaryOp, ast.USub,
)  # fmt: skip

_MODULES: Final = frozenset({"__future__", "datetime", "decimal", "jobgate.client", "typing", "uuid"})


def check_module(text: str) -> None:
    """Make sure that a module consists of imports, types and declarations, and does nothing else.

    Raises:
        StubsError: It does something else, which is a fault of the generator.
    """
    try:
        statements = ast.parse(text).body
        compile(text, "stubs", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise StubsError(f"the functions cannot be written as Python: {error}. Please report it.") from error
    for one in statements:
        if not _is_declaration(one):
            raise StubsError(f"line {one.lineno} of the module would not be a declaration. Please report it.")


def _is_declaration(one: ast.stmt) -> bool:
    match one:
        case ast.ImportFrom(module=str() as module, level=0):
            return module in _MODULES
        case ast.ClassDef(bases=[ast.Name("TypedDict")], keywords=[], decorator_list=[], body=body):
            return all(map(_is_member, body))
        case ast.AnnAssign(target=ast.Name(), annotation=ast.Name("TypeAlias"), value=ast.expr() as value):
            return _is_type(value)
        case ast.Assign(
            targets=[ast.Name()], value=ast.Call(ast.Name("TypedDict"), [_, ast.Dict() as members], [])
        ):
            return all(map(_is_type, [*filter(None, members.keys), *members.values]))
        case ast.AsyncFunctionDef(decorator_list=[ast.Call(ast.Name("stub"), [ast.Constant()], [])]):
            return _declares_only(one)
    return _is_text(one)


def _is_member(one: ast.stmt) -> bool:
    is_annotation = isinstance(one, ast.AnnAssign) and one.value is None and _is_type(one.annotation)
    return is_annotation or _is_text(one)


def _is_text(one: ast.stmt) -> bool:
    return (
        isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant) and isinstance(one.value.value, str)
    )


def _is_type(one: ast.AST) -> bool:
    return all(isinstance(each, _TYPES) for each in ast.walk(one))


def _declares_only(one: ast.AsyncFunctionDef) -> bool:
    """Whether the types and defaults of a function do nothing, and its body only raises."""
    arguments = [each for each in ast.walk(one.args) if not isinstance(each, ast.arg | ast.arguments)]
    *texts, last = one.body
    return (
        all(isinstance(each, _TYPES) for each in arguments)
        and one.returns is not None
        and _is_type(one.returns)
        and all(map(_is_text, texts))
        and isinstance(last, ast.Raise)
        and isinstance(last.exc, ast.Name)
    )
