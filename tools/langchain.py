"""LangChain's tools as ours: the same checks, limits and permissions hold for them."""

from collections.abc import Collection
from typing import Any

from langchain_core.tools import BaseTool
from pydantic import BaseModel

from disputatio.permission import Access
from disputatio.tools.arguments import Check, Checked, Kind, kind_of, refused, whole
from disputatio.tools.schema_check import check_by_schema, tidy
from disputatio.tools.tool import Tool, accesses


def from_langchain(
    tool: BaseTool, *, access: Access | Collection[Access] = ("network", "write"), **declared: Any
) -> Tool:
    """Make a tool of one of LangChain's.

    Args:
        tool: An instance, for example of `StructuredTool`.
        access: What it may touch; LangChain's tools do not say, so that anything is assumed.
        **declared: Other fields of `Tool`: `timeout_s`, `max_output`, `concurrency`, `idempotent`.

    Raises:
        ConfigurationError: If its arguments cannot be expressed as JSON.
    """
    parameters: Any = tool.tool_call_schema
    check: Check
    if isinstance(parameters, type) and issubclass(parameters, BaseModel):
        kind = kind_of(parameters, tool.name)
        schema, check = (
            {"type": "object", "properties": {}, **whole(kind.schema, tool.name)},
            _check_by(kind, tool.name),
        )
    else:
        schema = tidy(parameters if isinstance(parameters, dict) else parameters.schema(), tool.name)
        check = check_by_schema(schema, tool.name)
    schema.pop("description", None)

    async def asynchronously(**values: Any) -> Any:
        return await tool.ainvoke(values)

    def synchronously(**values: Any) -> Any:
        return tool.invoke(values)

    return Tool(
        name=tool.name,
        description=tool.description,
        schema=schema,
        check=check,
        function=asynchronously if _is_async(tool) else synchronously,
        access=accesses(access),
        source=f"LangChain's {type(tool).__name__} {tool.name!r}",
        **declared,
    )


def _is_async(tool: BaseTool) -> bool:
    own = type(tool)._arun is not BaseTool._arun
    return own and getattr(tool, "coroutine", tool) is not None


def _check_by(kind: Kind, name: str) -> Check:
    """A check by the model of all arguments; the tool validates once more itself."""

    def check(arguments: dict[str, Any]) -> Checked:
        try:
            shown = kind.dump(kind.validate(arguments))
        except Exception as error:
            raise refused(name, error) from error
        return Checked(shown, shown)

    return check
