"""Critique in the loop: an actor solves, a critic checks step by step, and the actor writes a new solution.

START -> draft -> criticise -+-> conclude -> END
                             +-> revise -> criticise -> ...

With several samples each is such a loop, and the most frequent answer wins.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from disputatio.agents.agent import Agent
from disputatio.agents.solver import Solver
from disputatio.agents.step_critic import steps_of
from disputatio.errors import ConfigurationError
from disputatio.graphs.refine import REVISE, Gate, revision
from disputatio.graphs.revision import Revision
from disputatio.graphs.vote import vote
from disputatio.graphs.wiring import Graph
from disputatio.question import Question
from disputatio.strategies import strategy
from disputatio.thought import Thought

ACT = "Solve it step by step, each step on a line of its own, then answer the question."


def worked(drafts: Sequence[Thought], question: Question) -> Thought | None:
    """The last draft that has a readable answer and its working: a bare answer does not replace a solution.

    A draft is rejected if it has fewer numbers than the one that stands has, less two.
    """
    standing: Thought | None = None
    for draft in drafts:
        if question.canonical(draft.answer) is None:
            standing = standing or draft
        elif standing is None or standing.answer is None or numbers(draft) >= numbers(standing) - 2:
            standing = draft
    return standing


def numbers(draft: Thought) -> int:
    """How many numbers stand in the steps of a solution and its answer."""
    return len(re.findall(r"\d+(?:[.,]\d+)*", " ".join([*steps_of(draft.text), draft.answer or ""])))


def _loop(actor: Agent | None, critic: Agent | None, rounds: int, gate: Gate, temperature: float | None) -> Revision:
    solver = actor or Solver("actor", instruction=ACT)
    solver = solver if temperature is None else replace(solver, temperature=temperature)
    return replace(revision(solver, critic, solver, rounds, gate, [REVISE]), keep=worked)


@strategy(
    source="Xi et al. 2024, arXiv:2411.16579, section 5 (critique models at test time); defaults of its repository",
    calls=lambda samples, temperature, **given: samples * _loop(temperature=temperature, **given).turns,
)
def critique_in_the_loop(
    *,
    rounds: int = 1,
    samples: int = 1,
    gate: Gate = "critic",
    temperature: float | None = None,
    actor: Agent | None = None,
    critic: Agent | None = None,
) -> Graph:
    """Let a critic check each step of a solution, and the actor write a new one if something is wrong.

    Most calls: samples * (1 + 2 * rounds), and exactly that with the gate "always" where all replies can be read.

    Args:
        rounds: The most revisions of each solution, at least 1.
        samples: How many solutions are written and revised at once, at least 1; the most frequent answer wins.
        gate: By "critic" only what the critic finds wrong is revised, by "always" everything, as the released
            evaluation does where answers are hidden.
        temperature: Randomness of the actor; None takes the run's. Several samples need one above 0.
        actor: Who solves and revises; None makes a solver.
        critic: Who checks, at temperature 0; None makes a step critic.

    Raises:
        ConfigurationError: If a number is too small, or several samples would all be the same.

    Departs from the paper: critic and actor are prompted, not trained; the gate is the critic's by default; a critique
    that cannot be read accepts the solution and is not asked for again; the check that a revision keeps its working
    counts numbers against the old solution alone, since no reference is known. Prompts are reworded.
    """
    if samples < 1:
        raise ConfigurationError(f"critique_in_the_loop needs at least 1 sample, got {samples}")
    if samples > 1 and temperature == 0:
        raise ConfigurationError("samples at temperature 0 would all be the same")
    if samples > 1:
        one = critique_in_the_loop(rounds=rounds, gate=gate, temperature=temperature, actor=actor, critic=critic)
        return vote(*[one] * samples).graph()
    return _loop(actor, critic, rounds, gate, temperature).graph()
