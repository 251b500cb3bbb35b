"""Arguments: what a tool takes, as a JSON schema for the model and as a check of what the model gives."""

import inspect
import json
import warnings
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import lru_cache
from itertools import count
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

from docstring_parser import Docstring, DocstringStyle, parse
from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic.json_schema import PydanticJsonSchemaWarning
from pydantic_core import CoreConfig, SchemaValidator, to_jsonable_python

from disputatio.errors import ConfigurationError, ToolError
from disputatio.tools.runtime import ToolRuntime

MAX_NODES = 5000
"""The most parts of a schema."""
MOST_WRONG = 10
"""The most faults that a model is told of at once."""
_PLAIN = (str, int, float, bool, type(None))
"""What is JSON as it is."""
_STYLES = {DocstringStyle.GOOGLE: ":\n    ", DocstringStyle.NUMPYDOC: "\n---", DocstringStyle.REST: "\n:"}
"""Styles of docstrings, each with what no docstring of the style lacks."""


class Checked(NamedTuple):
    """Arguments that meet a tool's schema."""

    values: dict[str, Any]
    """What the function is called with."""
    shown: dict[str, Any]
    """The same as JSON, with the defaults filled in."""


Check = Callable[[dict[str, Any]], Checked]
"""Validates arguments, or raises ToolError with a message for the model."""


class Parameter(NamedTuple):
    """One argument."""

    type: Any
    default: Any = ...
    """What it is if it is not given; `...` if it must be given."""
    description: str = ""


Parameters = Mapping[str, Parameter]
"""The arguments of a tool, by name."""


class Signature(NamedTuple):
    """What there is to know of a function that is to be a tool."""

    description: str
    parameters: Parameters
    runtime: str | None
    """The name of the parameter that gets the runtime."""


def signature_of(function: Callable[..., Any], name: str) -> Signature:
    """Read a function's types and docstring.

    Raises:
        ConfigurationError: If it has no docstring, or a parameter without a name or a type of its own.
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
    runtime, parameters = None, {}
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
        parameters[parameter.name] = _parameter(hints[parameter.name], default, described.get(parameter.name, ""))
    return Signature(_description(docstring, written), parameters, runtime)


class Kind(NamedTuple):
    """What Pydantic makes of a type."""

    schema: dict[str, Any]
    """With references, and shared by all that take this type."""
    validate: Callable[[Any], Any]
    """A value of the type, made of JSON; raises ValidationError."""
    dump: Callable[[Any], Any]
    """The JSON of such a value."""


def kind_of(annotation: Any, name: str) -> Kind:
    """Look at a type.

    Raises:
        ConfigurationError: If JSON cannot express it, or Pydantic cannot check it.
    """
    look: Callable[[Any, str], Kind] = _kind
    try:
        hash(annotation)
    except TypeError:  # what is noted beside a type can be anything
        look = _kind.__wrapped__
    try:
        return look(annotation, repr(annotation))
    except (PydanticUserError, PydanticJsonSchemaWarning, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"tool {name!r} takes what JSON cannot express: {str(error).splitlines()[0]}"
        ) from error


@lru_cache(maxsize=256)  # it takes ten times as long as all the rest of a parameter, and most parameters are alike
def _kind(annotation: Any, spelled: str) -> Kind:  # unions in another order are equal, but spelled otherwise
    adapter = TypeAdapter(annotation)
    with warnings.catch_warnings():
        warnings.simplefilter("error", PydanticJsonSchemaWarning)
        schema = adapter.json_schema()
    json.dumps(schema, allow_nan=False)
    validator = SchemaValidator(adapter.core_schema, CoreConfig(allow_inf_nan=False))
    return Kind(schema, validator.validate_python, lambda value: adapter.dump_python(value, mode="json"))


def schema_of(parameters: Parameters, name: str) -> dict[str, Any]:
    """The JSON schema of arguments in the dialect that all servers take: whole, without references and titles.

    Raises:
        ConfigurationError: If JSON cannot express a type or a default, or a type contains itself.
    """
    properties = {key: _property(parameter, name) for key, parameter in parameters.items()}
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    required = [key for key, parameter in parameters.items() if parameter.default is ...]
    return {**schema, "required": required} if required else schema


def _property(parameter: Parameter, name: str) -> dict[str, Any]:
    found = whole(kind_of(parameter.type, name).schema, name)
    if parameter.description:
        found["description"] = parameter.description
    if parameter.default is not ...:
        found["default"] = _as_json(parameter.default, name)
    return dict(sorted(found.items()))


def _as_json(default: Any, name: str) -> Any:
    if type(default) in _PLAIN and type(default) is not float:
        return default
    try:
        made = to_jsonable_python(default)
        json.dumps(made, allow_nan=False)
        return made
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            f"tool {name!r} takes what JSON cannot express: {str(error).splitlines()[0]}"
        ) from error


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


def check_by(parameters: Parameters, name: str) -> Check:
    """A check by the types of the parameters.

    Raises:
        ConfigurationError: If JSON cannot express a type or a default.
    """
    kinds = {key: kind_of(parameter.type, name) for key, parameter in parameters.items()}
    defaults = {key: one.default for key, one in parameters.items() if one.default is not ...}
    shown_defaults = {key: _as_json(default, name) for key, default in defaults.items()}

    def check(arguments: dict[str, Any]) -> Checked:
        values, shown, wrong = {}, {}, []
        for key, kind in kinds.items():
            if key in arguments:
                try:
                    values[key] = value = kind.validate(arguments[key])
                    shown[key] = value if type(value) in _PLAIN else kind.dump(value)
                except ValidationError as error:
                    wrong += _faults(error, key)
                except Exception as error:
                    raise refused(name, error) from error
            elif key in defaults:
                values[key], shown[key] = _own(defaults[key]), _own(shown_defaults[key])
            else:
                wrong.append(f"{key}: Field required")
        wrong += [f"{str(key)[:200]}: Extra inputs are not permitted" for key in arguments if key not in kinds]
        if wrong:
            raise _refused(name, wrong)
        return Checked(values, shown)

    return check


def _own(default: Any) -> Any:
    """A default that the function may change."""
    return default if type(default) in _PLAIN else deepcopy(default)


def refused(name: str, error: Exception) -> ToolError:
    """What the model is told of arguments that Pydantic, or a validator of the tool's own, does not take."""
    if isinstance(error, ValidationError):
        return _refused(name, _faults(error))
    return ToolError(f"{name}: the arguments cannot be checked: {type(error).__name__}", fault="bad_arguments")


def _refused(name: str, wrong: list[str]) -> ToolError:
    more = [f"and {len(wrong) - MOST_WRONG} more"] if len(wrong) > MOST_WRONG else []
    return ToolError(f"{name}: {'; '.join([*wrong[:MOST_WRONG], *more])}", fault="bad_arguments")


def _faults(error: ValidationError, *inside: str) -> list[str]:
    found = error.errors(include_url=False, include_context=False)
    return [f"{'.'.join(map(str, (*inside, *one['loc'])))[:200]}: {one['msg'][:200]}" for one in found]


def _parameter(hint: Any, default: Any, described: str) -> Parameter:
    """A parameter with the default and the description that its annotation gives, where the function gives none."""
    if get_origin(hint) is not Annotated:
        return Parameter(hint, default, described)
    info = FieldInfo.from_annotation(hint)
    if default is ... and not info.is_required():
        default = info.get_default(call_default_factory=True)
    noted = [one for one in get_args(hint)[1:] if isinstance(one, str)]
    return Parameter(hint, default, info.description or next(iter(noted), "") or described)


def _parsed(written: str) -> Docstring:
    """The docstring in the style in which it names most parameters."""
    found = [parse(written, style) for style, mark in _STYLES.items() if mark in written]
    return max(found, key=lambda one: len(one.params), default=Docstring())


def _description(docstring: Docstring, written: str) -> str:
    """What the docstring says of the function itself: without the sections on parameters, results and errors."""
    parts = [docstring.short_description, docstring.long_description] if docstring.meta else [written]
    return "\n\n".join(part for part in parts if part)
