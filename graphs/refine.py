"""Refinement: any strategy writes a draft, which is checked and written anew until a critic accepts it.

START -> draft -> criticise -+-> conclude -> END              accepted
                             +-> revise -> criticise -> ...   until the rounds are used
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from disputatio.agents.agent import Agent
from disputatio.agents.solver import Solver
from disputatio.agents.step_critic import StepCritic, by_steps, first_error
from disputatio.errors import ConfigurationError
from disputatio.graphs.compose import Part
from disputatio.graphs.revision import Revision, never
from disputatio.graphs.wiring import Graph
from disputatio.memory.transcript import everything
from disputatio.strategies import strategy
from disputatio.thought import Link, Thought

REVISE = """\
Above stand a solution of the question and a critique of it. Use the critique as a help and not as an authority. \
Write a new solution with all its steps, and answer the question."""

Gate = Literal["critic", "always"]
"""Whether a draft that the critic finds nothing wrong with is left as it is, or rewritten all the same."""


def accepted(draft: Thought, critique: Thought | None) -> bool:
    """Whether a critique could be read and found nothing wrong, or there is none to act on."""
    return critique is None or first_error(critique) is None


def reviser_told(instruction: str, reviser: Agent | None = None) -> Agent:
    """Make the agent that writes a draft anew: a solver that sees all that it is shown."""
    return replace(
        reviser or Solver("reviser"),
        instruction=instruction,
        view=everything,
        relate=lambda thought, seen: [
            Link(source=thought.id, target=one.id, kind="uses" if one.kind in ("verdict", "plan") else "refines")
            for one in seen
        ],
    )


def revision(
    part: Part, critic: Agent | None, reviser: Agent | None, rounds: int, gate: Gate, feedback: Sequence[str]
) -> Revision:
    """The loop of `refine`."""
    if rounds < 1 or not feedback:
        raise ConfigurationError(f"refine needs at least 1 round and 1 feedback, got {rounds} and {len(feedback)}")
    writers = [reviser_told(text, reviser) for text in feedback]
    return Revision(
        draft=part,
        revise=lambda number, seed: writers[(number - 1) % len(writers)],
        authors=(part.name, writers[0].name),
        rounds=rounds,
        critic=critic or StepCritic(),
        accepts=never if gate == "always" else accepted,
        prepare=by_steps,
    )


@strategy(
    source="Disputatio; after Madaan et al. 2023, arXiv:2303.17651", calls=lambda **given: revision(**given).turns
)
def refine(
    part: Part,
    *,
    critic: Agent | None = None,
    reviser: Agent | None = None,
    rounds: int = 3,
    gate: Gate = "critic",
    feedback: Sequence[str] = (REVISE,),
) -> Graph:
    """Let a critic check an answer and a reviser write it anew, until the critic accepts it.

    The reviser sees the draft that stands and the critique of it, and none before. A revision without a readable
    answer leaves the draft before it in force. A critique that cannot be read finds nothing wrong.

    Args:
        part: What writes the first draft: a strategy or an agent.
        critic: Who checks a draft: its field `verdict` is "refuted", or one of its `steps` is wrong, if it has to be
            written anew. None makes a step critic.
        reviser: Who writes it anew; None makes a solver.
        rounds: The most revisions, at least 1.
        gate: By "critic" it ends as soon as the critic finds nothing wrong, by "always" it uses all rounds.
        feedback: What the reviser is told in each round; it starts again from the first where there are more rounds.

    Raises:
        ConfigurationError: If there are no rounds or there is no feedback.
    """
    return revision(part, critic, reviser, rounds, gate, feedback).graph()
