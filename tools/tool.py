"""Tool: a typed Python function that agents can call."""

import asyncio
import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from disputatio.errors import ConfigurationError, ToolError

MAX_OUTPUT = 4000
"""The most characters of a result that an agent sees."""


@dataclass(frozen=True)
class Tool:
    """A function with a name, a description for the model, and validated arguments."""

    name: str
    description: str
    parameters: type[BaseModel]
    """The arguments, by name, with their types and defaults."""
    function: Callable[..., Any]
    timeout_s: float = 30.0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself, as if it were no tool."""
        return self.function(*args, **kwargs)

    @property
    def signature(self) -> str:
        """Name and arguments, as a model reads them: "price(ticker: string)"."""
        properties = self.parameters.model_json_schema().get("properties", {})
        shown = [f"{name}: {schema.get('type', 'any')}" for name, schema in properties.items()]
        return f"{self.name}({', '.join(shown)})"

    async def call(self, arguments: dict[str, Any]) -> str:
        """Check the arguments, call the function, and give its result as text of at most `MAX_OUTPUT` characters.

        Raises:
            ToolError: If the arguments are wrong, the function fails, or it takes longer than `timeout_s`.
        """
        try:
            valid = self.parameters.model_validate(arguments)
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
            raise ToolError(f"{self.name}: {wrong}") from error
        values = {name: getattr(valid, name) for name in type(valid).model_fields}
        try:
            async with asyncio.timeout(self.timeout_s):
                if inspect.iscoroutinefunction(self.function):
                    result = await self.function(**values)
                else:
                    result = await asyncio.to_thread(self.function, **values)
        except ToolError:
            raise
        except TimeoutError as error:
            raise ToolError(f"{self.name} took longer than {self.timeout_s:g} s") from error
        except Exception as error:
            raise ToolError(f"{self.name} failed: {type(error).__name__}: {error}") from error
        text = result if isinstance(result, str) else json.dumps(result, default=str, ensure_ascii=False)
        return text if len(text) <= MAX_OUTPUT else f"{text[:MAX_OUTPUT]} ... ({len(text)} characters)"


def tool(function: Callable[..., Any]) -> Tool:
    """Make a tool of a typed function, sync or async; its docstring is what the model reads.

    Raises:
        ConfigurationError: If the function has no docstring, or a parameter without a type.
    """
    name = getattr(function, "__name__", "")
    description = inspect.getdoc(function)
    if not description:
        raise ConfigurationError(f"tool {name!r} needs a docstring: it tells the model what the tool is for")
    hints = get_type_hints(function)
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name not in hints or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise ConfigurationError(f"parameter {parameter.name!r} of tool {name!r} needs a type")
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hints[parameter.name], default)
    parameters = create_model(f"{name}_arguments", __config__=ConfigDict(extra="forbid", allow_inf_nan=False), **fields)
    return Tool(name, description, parameters, function)
