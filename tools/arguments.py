"""Arguments: what a tool takes, as a JSON schema for the model and as a check of what the model gives."""

import inspect
import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

from docstring_parser import Docstring, DocstringStyle, parse
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, PydanticJsonSchemaWarning

from disputatio.errors import ConfigurationError, ToolError
from disputatio.tools.runtime import ToolRuntime

MAX_NODES = 5000
"""The most parts of a schema."""
_STYLES = {DocstringStyle.GOOGLE: ":\n    ", DocstringStyle.NUMPYDOC: "\n---", DocstringStyle.REST: "\n:"}
"""Styles of docstrings, each with what no docstring of the style lacks."""


class _Generator(GenerateJsonSchema):
    """Pydantic's, without a type adapter for each default that is JSON as it is: a sixth of the time of a schema."""

    def encode_default(self, dft: Any) -> Any:
        return dft if dft is None or type(dft) in (str, int, bool) else super().encode_default(dft)


class Checked(NamedTuple):
    """Arguments that meet a tool's schema."""

    values: dict[str, Any]
    """What the function is called with."""
    shown: dict[str, Any]
    """The same as JSON, with the defaults filled in."""


Check = Callable[[dict[str, Any]], Checked]
"""Validates arguments, or raises ToolError with a message for the model."""


class Signature(NamedTuple):
    """What there is to know of a function that is to be a tool."""

    description: str
    parameters: type[BaseModel]
    runtime: str | None
    """The name of the parameter that gets the runtime."""


def signature_of(function: Callable[..., Any], name: str) -> Signature:
    """Read a function's types and docstring.

    Raises:
        ConfigurationError: If it has no docstring, or a parameter that no JSON can stand for.
    """
    written = inspect.getdoc(function)
    if not written:
        raise ConfigurationError(f"tool {name!r} needs a docstring: it tells the model what the tool is for")
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        raise ConfigurationError(f"tool {name!r} has a type that cannot be read here: {error}") from error
    docstring = _parsed(written)
    described = {one.arg_name: " ".join((one.description or "").split()) for one in docstring.params}
    runtime, fields = None, {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ConfigurationError(
                f"parameter {parameter.name!r} of tool {name!r} needs a name and a type of its own"
            )
        if parameter.name not in hints:
            raise ConfigurationError(f"parameter {parameter.name!r} of tool {name!r} needs a type")
        if ToolRuntime in (hints[parameter.name], *get_args(hints[parameter.name])):
            runtime = parameter.name
            continue
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = _field(hints[parameter.name], default, described.get(parameter.name))
    return Signature(_description(docstring, written), model_of(name, fields), runtime)


def model_of(name: str, fields: Mapping[str, tuple[Any, FieldInfo]]) -> type[BaseModel]:
    """The arguments as a Pydantic model; names that Pydantic uses itself are reached by an alias.

    Raises:
        ConfigurationError: If a type is none that Pydantic can check.
    """
    safe: dict[str, Any] = {}
    for field, (annotation, info) in fields.items():
        if hasattr(BaseModel, field) or field.startswith("_"):
            annotation, field = Annotated[annotation, Field(alias=field)], f"{field.strip('_')}_argument"
        safe[field] = (annotation, info)
    config = ConfigDict(extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=False, protected_namespaces=())
    try:
        return create_model(f"{name}_arguments", __config__=config, **safe)
    except (PydanticUserError, TypeError) as error:
        raise ConfigurationError(f"tool {name!r}: {str(error).splitlines()[0]}") from error


def schema_of(parameters: type[BaseModel], name: str) -> dict[str, Any]:
    """The JSON schema of arguments in the dialect that all servers take: whole, without references and titles.

    Raises:
        ConfigurationError: If JSON cannot express a type or a default, or a type contains itself.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", PydanticJsonSchemaWarning)
            schema = parameters.model_json_schema(schema_generator=_Generator)
        json.dumps(schema, allow_nan=False)
    except (PydanticUserError, PydanticJsonSchemaWarning, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"tool {name!r} takes what JSON cannot express: {str(error).splitlines()[0]}"
        ) from error
    return {"type": "object", "properties": {}, **whole(schema, name)}


def whole(schema: dict[str, Any], name: str) -> dict[str, Any]:
    """A JSON schema with its references replaced by what they refer to.

    Raises:
        ConfigurationError: If a type contains itself, or a reference leads nowhere.
    """
    definitions = {**schema.get("definitions", {}), **schema.get("$defs", {})}
    nodes = count()

    def plain(node: Any, inside: tuple[str, ...], *, named: bool = False) -> Any:
        if next(nodes) > MAX_NODES:  # references to references can make a small schema boundless
            raise ConfigurationError(f"tool {name!r} has a schema of over {MAX_NODES} parts")
        if isinstance(node, list):
            return [plain(item, inside) for item in node]
        if not isinstance(node, dict):
            return node
        if named:  # the keys are names of fields, whatever they look like
            return {key: plain(value, inside) for key, value in node.items()}
        reference = node.get("$ref")
        if isinstance(reference, str):
            target = reference.rpartition("/")[2]
            if target in inside:
                raise ConfigurationError(f"tool {name!r} takes a type that contains itself: {target}")
            if target not in definitions:
                raise ConfigurationError(f"tool {name!r} has a schema that refers to nothing: {reference}")
            rest = {key: value for key, value in node.items() if key != "$ref"}
            return plain({**definitions[target], **rest}, (*inside, target))
        return {
            key: value if key in ("default", "enum", "const", "examples") else
            plain(value, inside, named=key in ("properties", "patternProperties"))
            for key, value in node.items()
            if key not in ("title", "$defs", "definitions", "discriminator", "$schema", "$id")
        }  # fmt: skip

    result: dict[str, Any] = plain(schema, ())
    return result


def check_by(parameters: type[BaseModel], name: str) -> Check:
    """A check by a Pydantic model."""
    keys = {field: info.alias or field for field, info in parameters.model_fields.items()}

    def check(arguments: dict[str, Any]) -> Checked:
        try:
            valid = parameters.model_validate(arguments)
            values = {key: getattr(valid, field) for field, key in keys.items()}
            return Checked(values, valid.model_dump(mode="json", by_alias=True))
        except ValidationError as error:
            raise ToolError(f"{name}: {'; '.join(_wrong(error))}", fault="bad_arguments") from error
        except Exception as error:  # a validator of the tool's own
            message = f"{name}: the arguments cannot be checked: {type(error).__name__}"
            raise ToolError(message, fault="bad_arguments") from error

    return check


def _wrong(error: ValidationError, most: int = 10) -> Iterator[str]:
    found = error.errors(include_url=False, include_context=False)
    for one in found[:most]:
        yield f"{'.'.join(map(str, one['loc']))[:200]}: {one['msg'][:200]}"
    if len(found) > most:
        yield f"and {len(found) - most} more"


def _field(hint: Any, default: Any, described: str | None) -> tuple[Any, FieldInfo]:
    """A field with the description that its annotation gives or, failing that, the docstring."""
    if get_origin(hint) is not Annotated:
        return hint, Field(default=default, description=described or None)
    given = [one for one in get_args(hint)[1:] if isinstance(one, str)]
    own = FieldInfo.from_annotation(hint).description
    return hint, Field(default=default, description=own or next(iter(given), None) or described or None)


def _parsed(written: str) -> Docstring:
    """The docstring in the style in which it names most parameters."""
    found = [parse(written, style) for style, mark in _STYLES.items() if mark in written]
    return max(found, key=lambda one: len(one.params), default=Docstring())


def _description(docstring: Docstring, written: str) -> str:
    """What the docstring says of the function itself: without the sections on parameters, results and errors."""
    parts = [docstring.short_description, docstring.long_description] if docstring.meta else [written]
    return "\n\n".join(part for part in parts if part)
