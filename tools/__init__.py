"""Tools: typed Python functions that agents can call."""

from disputatio.tools.calculator import calculator
from disputatio.tools.python import python
from disputatio.tools.tool import Tool, tool

__all__ = ["Tool", "calculator", "python", "tool"]
