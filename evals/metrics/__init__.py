"""Metrics: what many scores, confidences or rulings say, as pure functions."""

from disputatio.evals.metrics.accuracy import Accuracy, accuracy, wilson
from disputatio.evals.metrics.agreement import PositionBias, cohen_kappa, krippendorff_alpha, position_bias
from disputatio.evals.metrics.calibration import auroc, brier, ece, risk_coverage, selective_accuracy
from disputatio.evals.metrics.meta_reasoning import (
    Finding,
    Identification,
    MetaReasoning,
    found_by,
    identification,
    known_of,
    meta_reasoning,
    solution_of,
)
from disputatio.evals.metrics.sampling import PassUntil, pass_at_k, pass_until

__all__ = [
    "Accuracy",
    "Finding",
    "Identification",
    "MetaReasoning",
    "PassUntil",
    "PositionBias",
    "accuracy",
    "auroc",
    "brier",
    "cohen_kappa",
    "ece",
    "found_by",
    "identification",
    "known_of",
    "krippendorff_alpha",
    "meta_reasoning",
    "pass_at_k",
    "pass_until",
    "position_bias",
    "risk_coverage",
    "selective_accuracy",
    "solution_of",
    "wilson",
]
