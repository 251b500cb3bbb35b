"""Rates of success from repeated sampling: pass@k, and sampling until it passes."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from disputatio.errors import ConfigurationError


def pass_at_k(samples: int, right: int, k: int) -> float:
    """The chance that k of the samples, drawn without replacement, hold a right one: unbiased for 1 - (1 - p)^k.

    After Chen et al. 2021, arXiv:2107.03374, section 2.1. Average it over problems; pooled counts are biased.

    >>> round(pass_at_k(10, 3, 2), 5)
    0.53333

    Args:
        samples: How many were drawn of one problem.
        right: How many of them are right.
        k: From 0 to `samples`; more cannot be said from so few.

    Raises:
        ConfigurationError: If the numbers do not fit.
    """
    if not 0 <= right <= samples or not 0 <= k <= samples:
        raise ConfigurationError(f"pass@{k} needs 0 <= right <= samples and k <= samples, got {right} of {samples}")
    if samples - right < k:
        return 1.0
    return 1.0 - prod(1 - k / size for size in range(samples - right + 1, samples + 1))


@dataclass(frozen=True, kw_only=True)
class PassUntil:
    """One problem, sampled until it passed so many times or the cap was reached."""

    trials: int
    passes: int
    wanted: int
    """At how many passes sampling ends."""

    @property
    def censored(self) -> bool:
        """Whether the cap ended it."""
        return self.passes < self.wanted

    @property
    def rate(self) -> float:
        """Passes by trials: the estimate of the paper, of maximum likelihood, and too high on average."""
        return self.passes / self.trials

    @property
    def unbiased(self) -> float | None:
        """(passes - 1) / (trials - 1), right on average; None for a single pass and where the cap ended it."""
        if self.censored or self.wanted < 2:
            return None
        return (self.passes - 1) / (self.trials - 1)

    def bound(self, *, confidence: float = 0.95) -> float | None:
        """The greatest rate that so many failures leave likely; None where there was a pass."""
        return None if self.passes else 1 - (1 - confidence) ** (1 / self.trials)


def pass_until(outcomes: Iterable[bool], *, passes: int = 1, cap: int = 1000) -> PassUntil:
    """Draw outcomes in order until so many passed, and no further: what a batch drew beyond that must not count.

    After Hu et al. 2023, arXiv:2310.03262. The unbiased estimate is not the paper's.

    Args:
        outcomes: Whether each sample passed; drawn one by one, so it may be a generator that calls a model.
        passes: At how many sampling ends, at least 1; for the unbiased estimate at least 2.
        cap: The most samples, at least 1.

    Raises:
        ConfigurationError: If `passes` or `cap` is below 1, or there is no outcome.
    """
    if min(passes, cap) < 1:
        raise ConfigurationError(f"passes and cap must be at least 1, got {passes} and {cap}")
    trials = found = 0
    for outcome in outcomes:
        trials, found = trials + 1, found + bool(outcome)
        if found == passes or trials == cap:
            break
    if not trials:
        raise ConfigurationError("there is no outcome")
    return PassUntil(trials=trials, passes=found, wanted=passes)
