"""Tools: typed Python functions that agents can call."""

from disputatio.tools.calculator import calculator
from disputatio.tools.dispatch import dispatch
from disputatio.tools.python import python
from disputatio.tools.rendering import Attachment
from disputatio.tools.runtime import ToolRuntime
from disputatio.tools.tool import Tool, tool

__all__ = ["Attachment", "Tool", "ToolRuntime", "calculator", "dispatch", "python", "tool"]
