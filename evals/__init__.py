"""Evaluation: how an answer compares with what is known to be right, and what a strategy would gain and cost."""

from disputatio.evals.forecast import Forecast, forecast, simulated_questions, wilson
from disputatio.evals.scorers import Score, score

__all__ = ["Forecast", "Score", "forecast", "score", "simulated_questions", "wilson"]
