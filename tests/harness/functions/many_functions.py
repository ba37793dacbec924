"""Functions as workers publish them, with every form of parameter and schema."""

from typing import Any

from jobgate.broker import FunctionDocument, Parameter, ParameterKind

INTEGER: dict[str, Any] = {"type": "integer", "minimum": -(2**63), "maximum": 2**64 - 1}
STRING: dict[str, Any] = {"type": "string"}

POSITIONAL, VAR_POSITIONAL, KEYWORD, VAR_KEYWORD = (
    ParameterKind.POSITIONAL_ONLY,
    ParameterKind.VAR_POSITIONAL,
    ParameterKind.KEYWORD_ONLY,
    ParameterKind.VAR_KEYWORD,
)


def parameter(name: str, schema: Any = True, *, optional: bool = False, **more: Any) -> Parameter:
    """Return a parameter; one with a default is optional."""
    variable = more.get("kind") in {VAR_POSITIONAL, VAR_KEYWORD}
    required = not (optional or "default" in more or variable)
    return Parameter(name=name, schema=schema, required=required, **more)


def item(number: int = 0) -> dict[str, Any]:
    """Return the definition of a model; another number gives another model."""
    return {
        "type": "object",
        "title": "Item",
        "description": "One line of an order.",
        "properties": {
            "name": {"type": "string", "title": "Name", "maxLength": 100 + number},
            "count": {"type": "integer", "default": 1, "exclusiveMinimum": 0},
            "color": {"$ref": "#/$defs/Color", "default": "red"},
            "tags": {"type": "array", "items": STRING, "uniqueItems": True, "default": []},
        },
        "required": ["name"],
    }


DEFINITIONS: dict[str, Any] = {
    "Item": item(),
    "Color": {"type": "string", "enum": ["red", "green"], "title": "Color"},
    "Tree": {
        "type": "object",
        "properties": {
            "value": INTEGER,
            "children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}},
            "parent": {"anyOf": [{"$ref": "#/$defs/Tree"}, {"type": "null"}], "default": None},
        },
        "required": ["value", "children"],
    },
    "Cat": {
        "type": "object",
        "properties": {"kind": {"const": "cat", "type": "string"}, "lives": INTEGER},
        "required": ["kind", "lives"],
    },
    "Dog": {
        "type": "object",
        "properties": {"kind": {"const": "dog", "type": "string"}, "name": STRING},
        "required": ["kind", "name"],
    },
}
PET: dict[str, Any] = {
    "oneOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}],
    "discriminator": {"propertyName": "kind", "mapping": {"cat": "#/$defs/Cat", "dog": "#/$defs/Dog"}},
}
PAIR: dict[str, Any] = {"type": "array", "prefixItems": [INTEGER, STRING], "minItems": 2, "maxItems": 2}


def function(name: str, *parameters: Parameter, **more: Any) -> FunctionDocument:
    """Return a function with the definitions above."""
    return FunctionDocument(
        name=name,
        parameters=parameters,
        **{"definitions": DEFINITIONS, "timeout": 300.0, "max_tries": 5, **more},
    )


def every_form() -> list[FunctionDocument]:
    """Return functions that together have every kind of parameter and schema."""
    order = (
        parameter("customer", STRING, description="Who pays."),
        parameter("items", {"type": "array", "items": {"$ref": "#/$defs/Item"}}),
        parameter("when", {"type": "string", "format": "date-time"}, optional=True),
        parameter("size", PAIR, default=[1, "cm"]),
        parameter("color", {"$ref": "#/$defs/Color"}, default="red"),
        parameter("note", {"anyOf": [STRING, {"type": "null"}]}, default=None),
        parameter("pet", PET, kind=KEYWORD),
    )
    whole = "Place an order.\n\nThe order is shipped on the same day."
    return [
        function("order", *order, returns={"$ref": "#/$defs/Item"}, description=whole),
        function("add", parameter("a", INTEGER), parameter("b", INTEGER, default=1), returns=INTEGER),
        function("grow", parameter("tree", {"$ref": "#/$defs/Tree"}), returns={"$ref": "#/$defs/Tree"}),
        function(
            "pack",
            parameter("a", INTEGER, kind=POSITIONAL, description="How many."),
            parameter("b", STRING, kind=POSITIONAL, default="x"),
            parameter("c", {"type": "boolean"}, kind=KEYWORD),
            returns=PAIR,
        ),
        function(
            "join",
            parameter("sep", STRING),
            parameter("parts", STRING, kind=VAR_POSITIONAL),
            parameter("more", INTEGER, kind=VAR_KEYWORD),
            returns=STRING,
        ),
        function("label", parameter("n", INTEGER), parameter("more", STRING, kind=VAR_KEYWORD)),
        function("ping", returns={"type": "null"}),
        function("untyped", parameter("x"), parameter("y", default=None), returns=True),
        FunctionDocument(name="unknown", description="Its signature is not known."),
        # Names that need care in paths, and meet those of other operations and of the first one.
        function("cron:tidy"),
        function("shop.<locals>.close"),
        function("status", parameter("job", STRING)),
        function("AddSucceeded", parameter("x", {"$ref": "#/$defs/Item"}), returns=INTEGER),
        function(
            "add_", parameter("x", {"$ref": "#/$defs/Item"}), definitions={**DEFINITIONS, "Item": item(1)}
        ),
    ]


def many(count: int = 200) -> list[FunctionDocument]:
    """Return so many functions: all forms, and copies of them with models of their own."""
    forms = every_form()
    found = list(forms)
    for number in range(count - len(forms)):
        form = forms[number % len(forms)]
        found.append(
            FunctionDocument(
                name=f"{form.name}{number}",
                description=form.description,
                parameters=form.parameters,
                returns=form.returns,
                definitions={**form.definitions, "Item": item(number)} if form.definitions else {},
                timeout=form.timeout,
            )
        )
    return found
