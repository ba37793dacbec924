"""What the worker of `jobgate dev` offers: printed once it serves, and again when new code changes it."""

import asyncio
import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from jobgate.cli.remote import DEFAULT_URL

if TYPE_CHECKING:
    from jobgate.client import Client, FunctionInfo, FunctionParameter

#: Functions that are listed.
_MOST: Final = 30
#: Seconds between two looks, and until the first one finds something.
_LOOK_EVERY: Final = 1.0
_LOOK_AT_FIRST: Final = 0.1
#: JSON type -> a value of it, as an example.
_EXAMPLES: Final[Mapping[str, Any]] = {
    "integer": 1, "number": 1.5, "string": "text", "boolean": True, "array": [], "object": {},
}  # fmt: skip


class Offers:
    """Says what can be called.

    Args:
        client: Asks the server for what live workers offer.
        gateway_url: Where the gateway serves.
        say: Gets each line.
    """

    def __init__(self, client: "Client", gateway_url: str, say: Callable[[str], None]) -> None:
        self._client = client
        self._gateway_url = gateway_url
        self._say = say

    async def tell(self, *, again: bool) -> None:
        """Say what can be called.

        Args:
            again: Whether to continue until cancelled, and say what changes.
        """
        known: dict[str, str] = {}
        async with self._client as client:
            while again or not known:
                # While a worker restarts, there are none.
                if (functions := await client.functions()) and (found := _signatures(functions)) != known:
                    if known:
                        self._compare(known, found)
                    else:
                        self._list(functions)
                    known = found
                await asyncio.sleep(_LOOK_EVERY if known else _LOOK_AT_FIRST)

    def _list(self, functions: Sequence["FunctionInfo"]) -> None:
        self._say("Its functions:")
        for signature in list(_signatures(functions).values())[:_MOST]:
            self._say(f"  {signature}")
        if len(functions) > _MOST:
            self._say(f"  … and {len(functions) - _MOST} more, which `jobgate functions` lists.")
        self._say("Call one from another terminal:")
        for line in _calls(functions[0], self._gateway_url):
            self._say(f"  {line}")

    def _compare(self, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        self._say("The new code changes what can be called:")
        for name in sorted(before.keys() | after.keys()):
            if name not in after:
                self._say(f"  - {before[name]}")
            elif name not in before:
                self._say(f"  + {after[name]}")
            elif before[name] != after[name]:
                self._say(f"  ~ {after[name]}")


def _signatures(functions: Sequence["FunctionInfo"]) -> dict[str, str]:
    """Return the signatures of functions by name."""
    from jobgate.cli.stubs import signature_of  # noqa: PLC0415 - it is not needed where no client is

    return {one.name: signature_of(one) for one in functions}


def _calls(function: "FunctionInfo", url: str) -> tuple[str, str]:
    """Return two commands that call a function, with an example of each argument that it needs."""
    arguments = {
        one.name: _example(one)
        for one in function.parameters or ()
        if one.required and not one.kind.startswith("var_")
    }
    words = [f"{name}={_word(value)}" for name, value in arguments.items()]
    at = "" if url == DEFAULT_URL else f" --url {url}"
    body = json.dumps({"kwargs": arguments})
    return (
        shlex.join(["jobgate", "call", function.name, *words]) + at,
        f"curl {shlex.quote(f'{url}/jobs/{function.name}?wait=10')} -d {shlex.quote(body)}",
    )


def _word(value: Any) -> str:
    """Return a value as `jobgate call` takes it."""
    return value if isinstance(value, str) else json.dumps(value)


def _example(parameter: "FunctionParameter") -> Any:
    schema = parameter.schema if isinstance(parameter.schema, Mapping) else {}
    choices = schema.get("enum")
    if isinstance(choices, Sequence) and choices:
        return choices[0]
    return _EXAMPLES.get(str(schema.get("type")), 1)
