"""Tools: typed Python functions that agents can call."""

from disputatio.tools.calculator import calculator
from disputatio.tools.dispatch import dispatch
from disputatio.tools.mcp_client import McpServer
from disputatio.tools.python import python, python_tool
from disputatio.tools.rendering import Attachment
from disputatio.tools.runtime import ToolRuntime
from disputatio.tools.sandbox import Limits, Sandbox, SandboxResult
from disputatio.tools.tool import Tool, tool
from disputatio.tools.toolbox import Toolbox, installed

__all__ = [
    "Attachment",
    "Limits",
    "McpServer",
    "Sandbox",
    "SandboxResult",
    "Tool",
    "ToolRuntime",
    "Toolbox",
    "calculator",
    "dispatch",
    "installed",
    "python",
    "python_tool",
    "tool",
]
