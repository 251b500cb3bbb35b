"""Evaluation: how an answer compares with what is known to be right, and what a strategy would gain and cost."""

from disputatio.evals.forecast import Forecast, forecast, simulated_questions
from disputatio.evals.items import Item, Items, Task
from disputatio.evals.metrics import wilson
from disputatio.evals.scorers import Score, score
from disputatio.evals.tasks import load, tasks

__all__ = [
    "Forecast",
    "Item",
    "Items",
    "Score",
    "Task",
    "forecast",
    "load",
    "score",
    "simulated_questions",
    "tasks",
    "wilson",
]
