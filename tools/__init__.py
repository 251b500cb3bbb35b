"""Tools: typed Python functions that agents can call."""

from disputatio.tools.algebra import algebra
from disputatio.tools.answer_sets import answer_sets
from disputatio.tools.ask_user import ask_user
from disputatio.tools.calculator import calculator
from disputatio.tools.causal import causal_effect, causal_query
from disputatio.tools.constraints import constraints
from disputatio.tools.dates import dates
from disputatio.tools.dispatch import dispatch
from disputatio.tools.files import files
from disputatio.tools.images import images
from disputatio.tools.mcp_client import McpServer
from disputatio.tools.probability import probability
from disputatio.tools.python import python, python_tool
from disputatio.tools.rendering import Attachment
from disputatio.tools.runtime import ToolRuntime
from disputatio.tools.sandbox import Limits, Sandbox, SandboxResult
from disputatio.tools.search import search
from disputatio.tools.smt import smt
from disputatio.tools.sql import sql
from disputatio.tools.tables import tables
from disputatio.tools.tool import Tool, tool
from disputatio.tools.toolbox import Toolbox, installed
from disputatio.tools.truth_table import truth_table
from disputatio.tools.units import convert_units
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
    "algebra",
    "answer_sets",
    "ask_user",
    "calculator",
    "causal_effect",
    "causal_query",
    "constraints",
    "convert_units",
    "dates",
    "dispatch",
    "files",
    "images",
    "installed",
    "probability",
    "python",
    "python_tool",
    "read_page",
    "search",
    "search_web",
    "smt",
    "sql",
    "tables",
    "tool",
    "truth_table",
]
