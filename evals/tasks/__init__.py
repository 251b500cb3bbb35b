"""Tasks: items by the name of a data set or generator, or from a file of your own."""

from disputatio.evals.tasks.load import load, tasks

__all__ = ["load", "tasks"]
