"""Self-consistency: several chains of thought are sampled, and the most frequent answer wins.

START -> sample, all at once -> vote -> END
START -> sample, a batch at once -> gather -+-> the next batch         with a size of batches
                                            +-> vote -> END
"""

from langgraph.runtime import Runtime

from disputatio.agents.agent import Agent
from disputatio.context import Context
from disputatio.errors import unknown
from disputatio.graphs.conclude import settled
from disputatio.graphs.decisions import RULES
from disputatio.graphs.sampling import Sampling
from disputatio.graphs.wiring import Graph
from disputatio.question import Question
from disputatio.state import Output, State
from disputatio.strategies import strategy

RULES_OF_SAMPLES = [name for name, rule in RULES.items() if rule.needs in ("votes", "confidences")]


@strategy(
    source="Wang et al. 2022, arXiv:2203.11171, sections 2 and 3.1",
    calls=lambda decision, **given: Sampling(**given).turns,
)
def self_consistency(
    *,
    samples: int = 40,
    temperature: float = 0.7,
    decision: str = "plurality",
    batch: int | None = None,
    solver: Agent | None = None,
) -> Graph:
    """Sample several chains of thought and take the most frequent answer.

    Args:
        samples: How many chains are sampled, at least 1.
        temperature: Randomness of the samples, above 0 unless there is only one.
        decision: plurality, majority, supermajority, unanimity, or confidence_weighted: the largest sum of stated
            confidences.
        batch: How many are drawn at once, at least 1; None draws all. Many samples, drawn one at a time, fill
            whatever budget there is.
        solver: Who thinks; None makes a plain solver.

    Raises:
        ConfigurationError: If there are no samples, several that would all be the same, or the rule is unknown.

    Departs from the paper: zero-shot prompts instead of few-shot ones; a sample without a readable answer abstains;
    ties are drawn by seed and marked.
    """
    is_enough = None if batch is None else lambda votes: False
    sampling = Sampling(samples=samples, temperature=temperature, solver=solver, batch=batch, stop=is_enough)
    if decision not in RULES_OF_SAMPLES:
        raise unknown("decision rule of samples", decision, RULES_OF_SAMPLES)
    rule = RULES[decision]

    def vote(state: State, runtime: Runtime[Context]) -> Output:
        held, given = sampling.held(state), sampling.votes(state)
        assert rule.decide is not None
        sure = [held[name].confidence if name in held else None for name in sampling.names]
        tally = rule.decide(given, sure) if rule.needs == "confidences" else rule.decide(given)
        return {"answer": settled(tally, held, Question.of(state["question"]), seed=runtime.context.seed)}

    return sampling.graph(vote)
