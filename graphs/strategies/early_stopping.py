"""Early stopping: self-consistency that draws no more samples than it needs.

START -> sample, a batch at once -> gather -+-> the next batch
                                            +-> vote -> END
"""

from collections import Counter
from collections.abc import Sequence
from math import comb
from typing import Any

from langgraph.runtime import Runtime

from disputatio.agents.agent import Agent
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs.compose import turns_of
from disputatio.graphs.conclude import reported, settled
from disputatio.graphs.decisions import plurality
from disputatio.graphs.sampling import Sampling, Stop
from disputatio.graphs.wiring import Graph
from disputatio.question import Question
from disputatio.state import Output, State
from disputatio.strategies import strategy


def lead(votes: Sequence[str | None]) -> float:
    """How sure it is that the most frequent answer stays ahead of the second, from 0 to 1.

    With a and b votes for the two, it is the chance that x > 1/2 where x follows the beta distribution with a + 1 and
    b + 1: for whole numbers the chance of at most a heads in a + b + 1 throws of a coin.

    >>> [lead(["x"] * a + ["y"] * b) for a, b in ((3, 0), (4, 0), (6, 1))]
    [0.9375, 0.96875, 0.96484375]
    """
    counts = Counter(vote for vote in votes if vote is not None).most_common(2)
    a, b, *_ = (*(count for _, count in counts), 0, 0)
    return sum(comb(a + b + 1, heads) for heads in range(a + 1)) / (1 << (a + b + 1))


@strategy(
    source="Aggarwal et al. 2023, arXiv:2305.11860, section 3 (Adaptive-Consistency, beta rule)",
    calls=lambda samples, solver, **_: samples * turns_of(solver),
)
def adaptive_consistency(
    *,
    samples: int = 40,
    certainty: float = 0.95,
    batch: int = 1,
    temperature: float = 0.7,
    solver: Agent | None = None,
) -> Graph:
    """Sample until the most frequent answer is ahead of the second with the wanted certainty, then take it.

    Args:
        samples: The most samples, at least 1.
        certainty: How sure it must be that the first stays ahead of the second, between 0.5 and 1.
        batch: How many are drawn at once before the rule is asked, at least 1; more take less time and more calls.
        temperature: Randomness of the samples, above 0 unless there is only one.
        solver: Who thinks; None makes a plain solver.

    Raises:
        ConfigurationError: If a number is out of range.

    Departs from the paper: the beta rule only, not the Dirichlet one; zero-shot prompts; a sample without a readable
    answer abstains; ties are drawn by seed and marked.
    """
    if not 0.5 < certainty < 1:
        raise ConfigurationError(f"the certainty is above 0.5 and below 1, not {certainty}")
    drawn = {"samples": samples, "batch": batch, "temperature": temperature, "solver": solver}
    return _graph(lambda votes: lead(votes) >= certainty, only_last=None, **drawn)


@strategy(
    source="Li et al. 2024, arXiv:2401.10480, section 3 (ESC: early-stopping self-consistency)",
    calls=lambda samples, solver, **_: samples * turns_of(solver),
)
def early_stopping_self_consistency(
    *, samples: int = 40, window: int = 5, temperature: float = 0.7, solver: Agent | None = None
) -> Graph:
    """Sample in windows until all samples of one window agree, and answer as they do; else take a vote of all.

    Args:
        samples: The most samples, at least 1.
        window: How many are drawn at once, at least 2.
        temperature: Randomness of the samples, above 0.
        solver: Who thinks; None makes a plain solver.

    Raises:
        ConfigurationError: If a number is out of range.

    Departs from the paper: a window with a sample that cannot be read is not unanimous; zero-shot prompts; ties are
    drawn by seed and marked.
    """
    if window < 2:
        raise ConfigurationError(f"a window has at least 2 samples, got {window}")

    def agrees(votes: Sequence[str | None]) -> bool:
        return len(votes) % window == 0 and len(set(votes[-window:])) == 1 and votes[-1] is not None

    return _graph(agrees, only_last=window, samples=samples, batch=window, temperature=temperature, solver=solver)


def _graph(stop: Stop, *, only_last: int | None, **drawn: Any) -> Graph:
    """Sample, then vote; if the rule has stopped it, over this many of the last samples."""
    sampling = Sampling(stop=stop, **drawn)

    def vote(state: State, runtime: Runtime[Context]) -> Output:
        given, held = sampling.votes(state), sampling.held(state)
        is_stopped = stop(given)
        first = len(given) - only_last if is_stopped and only_last else 0
        deciding = {name: held[name] for name in sampling.names[first:] if name in held}
        answer = settled(plurality(given[first:]), deciding, Question.of(state["question"]), seed=runtime.context.seed)
        answer = reported(answer, {"samples": len(given)})
        if answer.abstained:
            return {"answer": answer}
        sure, why = given.count(answer.value) / len(held), "agreed" if is_stopped else "finished"
        return {"answer": answer.model_copy(update={"confidence": sure, "stop_reason": why})}

    return sampling.graph(vote)
