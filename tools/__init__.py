"""Tools: typed Python functions that agents can call."""

from disputatio.tools.ask_user import ask_user
from disputatio.tools.calculator import calculator
from disputatio.tools.dispatch import dispatch
from disputatio.tools.files import files
from disputatio.tools.images import images
from disputatio.tools.mcp_client import McpServer
from disputatio.tools.python import python, python_tool
from disputatio.tools.rendering import Attachment
from disputatio.tools.runtime import ToolRuntime
from disputatio.tools.sandbox import Limits, Sandbox, SandboxResult
from disputatio.tools.search import search
from disputatio.tools.sql import sql
from disputatio.tools.tables import tables
from disputatio.tools.tool import Tool, tool
from disputatio.tools.toolbox import Toolbox, installed
from disputatio.tools.web import read_page, search_web

__all__ = [
    "Attachment",
    "Limits",
    "McpServer",
    "Sandbox",
    "SandboxResult",
    "Tool",
    "ToolRuntime",
    "Toolbox",
    "ask_user",
    "calculator",
    "dispatch",
    "files",
    "images",
    "installed",
    "python",
    "python_tool",
    "read_page",
    "search",
    "search_web",
    "sql",
    "tables",
    "tool",
]
