"""Checks by a JSON schema, for tools that are described by nothing else: those of servers."""

import json
from typing import Any

from disputatio.errors import ConfigurationError, ToolError, require
from disputatio.tools.arguments import Check, Checked, whole
from disputatio.writing import visible

MAX_SCHEMA = 20_000
"""Characters of one tool's schema."""
MAX_NOTE = 300
"""Characters of a description in it."""
UNCHECKED = ("pattern", "patternProperties", "propertyNames", "format")
"""Keywords that the server checks itself: a pattern of somebody else's can take for ever to match."""


def tidy(schema: Any, name: str) -> dict[str, Any]:
    """The schema that a server gives for a tool, whole, with its descriptions shortened and made visible.

    Raises:
        ConfigurationError: If it is no JSON schema of an object, too long, or refers to other documents.
    """
    if not isinstance(schema, dict) or schema.get("type", "object") != "object":
        raise ConfigurationError(f"tool {name!r} has a schema that is not one of an object")
    try:
        flat = whole({"type": "object", **schema}, name)
        length = len(json.dumps(flat, allow_nan=False))
    except (RecursionError, ValueError, TypeError, AttributeError) as error:
        if isinstance(error, ConfigurationError):
            raise
        raise ConfigurationError(f"tool {name!r} has a schema that is no JSON schema: {error}") from error
    if length > MAX_SCHEMA:
        raise ConfigurationError(f"tool {name!r} has a schema of {length} characters, at most {MAX_SCHEMA} fit")
    if not isinstance(flat.setdefault("properties", {}), dict):
        raise ConfigurationError(f"tool {name!r} has a schema whose properties are no object")
    flat.setdefault("additionalProperties", False)
    noted: dict[str, Any] = _noted(flat)
    return noted


def _noted(node: Any) -> Any:
    if isinstance(node, list):
        return [_noted(item) for item in node]
    if isinstance(node, dict):
        return {visible(str(key))[:MAX_NOTE]: _noted(value) for key, value in node.items()}
    return visible(node)[:MAX_NOTE] if isinstance(node, str) else node


def check_by_schema(schema: dict[str, Any], name: str) -> Check:
    """A check by a JSON schema without references.

    Raises:
        ConfigurationError: If it is no valid schema.
        MissingExtraError: If the extra `mcp` is not installed.
    """
    jsonschema = require("jsonschema", extra="mcp")
    kind, checked = jsonschema.Draft202012Validator, _without_patterns(schema)
    try:
        kind.check_schema(checked)
    except (jsonschema.SchemaError, RecursionError) as error:
        reason = getattr(error, "message", "nested too deep")[:200]
        raise ConfigurationError(f"tool {name!r} has a schema that is no JSON schema: {reason}") from error
    validator = kind(checked)

    def check(arguments: dict[str, Any]) -> Checked:
        try:
            wrong = [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(arguments)][:10]
        except Exception as error:
            message = f"{name}: the arguments cannot be checked: {type(error).__name__}"
            raise ToolError(message, fault="bad_arguments") from error
        if wrong:
            raise ToolError(f"{name}: {visible('; '.join(wrong))}", fault="bad_arguments")
        return Checked(arguments, arguments)

    return check


def _without_patterns(node: Any, *, named: bool = False) -> Any:
    if isinstance(node, list):
        return [_without_patterns(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: value if key in ("enum", "const", "default") and not named else
        _without_patterns(value, named=key == "properties" and not named)
        for key, value in node.items()
        if named or (key not in UNCHECKED and not key.startswith("$"))
    }  # fmt: skip
