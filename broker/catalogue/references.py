"""References between the schemas of one function: `#/$defs/<name>`, the only ones that are followed."""

import re
from typing import Final

#: What each of them begins with.
DEFINITIONS: Final = "#/$defs/"

_NAME: Final = re.compile(r"#/\$defs/([^/]+)")


def definition_of(reference: object) -> str | None:
    """Return the name of the definition that a `$ref` leads to (RFC 6901); None = it leads elsewhere."""
    found = _NAME.fullmatch(reference) if isinstance(reference, str) else None
    return found[1].replace("~1", "/").replace("~0", "~") if found else None
