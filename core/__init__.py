"""Disputatio: published ways of multi-agent reasoning as composable LangGraph graphs, under one hard budget.

import disputatio as dp

dp.solve("Should cities ban private cars from their centres?").show()
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from disputatio.agents.agent import Agent as Agent
    from disputatio.budget import Budget as Budget
    from disputatio.budget import Usage as Usage
    from disputatio.context import Context as Context
    from disputatio.errors import BudgetExceededError as BudgetExceededError
    from disputatio.errors import ConfigurationError as ConfigurationError
    from disputatio.errors import DisputatioError as DisputatioError
    from disputatio.errors import MissingExtraError as MissingExtraError
    from disputatio.errors import ModelError as ModelError
    from disputatio.errors import ModelUnavailableError as ModelUnavailableError
    from disputatio.errors import StoreError as StoreError
    from disputatio.errors import ToolError as ToolError
    from disputatio.graphs.resume import aresume as aresume
    from disputatio.graphs.resume import resume as resume
    from disputatio.graphs.run import asolve as asolve
    from disputatio.graphs.run import solve as solve
    from disputatio.journal import Journal as Journal
    from disputatio.ledger import Ledger as Ledger
    from disputatio.permission import Permission as Permission
    from disputatio.question import Question as Question
    from disputatio.result import Result as Result
    from disputatio.run_store import RunStore as RunStore
    from disputatio.state import State as State
    from disputatio.strategies import Strategy as Strategy
    from disputatio.strategies import strategy as strategy
    from disputatio.thought import Answer as Answer
    from disputatio.thought import Link as Link
    from disputatio.thought import Thought as Thought

# Where each public name lives. They are imported on first use, so that `import disputatio` costs next to nothing.
_HOMES = {
    "Agent": "agents.agent",
    "Answer": "thought",
    "Budget": "budget",
    "BudgetExceededError": "errors",
    "ConfigurationError": "errors",
    "Context": "context",
    "DisputatioError": "errors",
    "Journal": "journal",
    "Ledger": "ledger",
    "Link": "thought",
    "MissingExtraError": "errors",
    "ModelError": "errors",
    "ModelUnavailableError": "errors",
    "Permission": "permission",
    "Question": "question",
    "Result": "result",
    "RunStore": "run_store",
    "State": "state",
    "StoreError": "errors",
    "Strategy": "strategies",
    "Thought": "thought",
    "ToolError": "errors",
    "Usage": "budget",
    "aresume": "graphs.resume",
    "asolve": "graphs.run",
    "resume": "graphs.resume",
    "solve": "graphs.run",
    "strategy": "strategies",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f"disputatio.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'disputatio' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
