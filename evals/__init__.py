"""Evaluation: how an answer compares with what is known to be right."""

from disputatio.evals.scorers import Score, score

__all__ = ["Score", "score"]
