"""SaySelf: confidence from how many samples agree, and a rationale that names what they differ on.

START -> sample, all at once -> reflect -> END
"""

from collections.abc import Sequence
from typing import Any

from langgraph.runtime import Runtime
from pydantic import Field

from disputatio.agents.agent import Agent, linking
from disputatio.agents.forms import Form
from disputatio.context import Context
from disputatio.graphs.conclude import reported, settled
from disputatio.graphs.decisions import plurality
from disputatio.graphs.sampling import Sampling
from disputatio.graphs.speaking import last_of
from disputatio.graphs.wiring import Graph
from disputatio.memory.transcript import everything
from disputatio.question import Question
from disputatio.state import State
from disputatio.strategies import strategy
from disputatio.thought import Answer, Thought

REFLECT = """\
Above stand different answers that you gave to the question when you were asked several times. Contrast them. On what \
knowledge do their differences turn? Say it in the first person and in under 120 words, for example "I am not sure \
whether ...". Do not say which of them is right."""
FIRM = """\
Above stands the answer that you gave to the question each time when you were asked several times. Say in the first \
person and in under 120 words what makes you firm in it."""


class Reflection(Form):
    """What the samples' differences turn on."""

    reflection: str = Field(description="what you are not sure of and why, or what makes you firm, in the first person")


def reflector_named(name: str = "critic") -> Agent:
    """Make the agent that says what the samples differ on; it sees one of each answer and no counts."""
    return Agent(
        name=name,
        role="critic",
        instruction=lambda agent, question, seen: FIRM if len(seen) == 1 else REFLECT,
        kind="critique",
        form=Reflection,
        prose=False,
        view=everything,
        relate=linking("uses"),
        temperature=0.0,
    )


def clusters(held: Sequence[Thought], question: Question) -> list[list[Thought]]:
    """The samples that mean the same, each group in the order of drawing, the group that began first at the front."""
    groups: dict[str | None, list[Thought]] = {}
    for sample in held:
        groups.setdefault(question.canonical(sample.answer), []).append(sample)
    return list(groups.values())


@strategy(
    source="Xu et al. 2024, arXiv:2405.20974, section 3 (the sampling and reflecting half; nothing is trained)",
    calls=lambda critic, **given: Sampling(**given).turns + (critic or reflector_named()).turns,
)
def sayself(
    *, samples: int = 10, temperature: float = 0.7, solver: Agent | None = None, critic: Agent | None = None
) -> Graph:
    """Sample several chains, and state the share that agrees as the confidence, with what the others differ on.

    Calls: samples + 1. The confidence is the share of all samples that gave the answer, those without a readable one
    included; the data holds it on the paper's scale from 1 to 10, too. A single sample tells nothing: its own stated
    confidence is taken, and marked.

    Args:
        samples: How many chains are sampled, at least 1; the paper's data were made with 100.
        temperature: Randomness of the samples, above 0 unless there is only one.
        solver: Who thinks; None makes a plain solver.
        critic: Who writes the rationale; None makes one.

    Raises:
        ConfigurationError: If there are no samples, or several that would all be the same.

    Departs from the paper: samples are grouped by equal canonical answers, not by the embedding of their chains, so
    that free texts in other words are apart; the default number of samples is our own; ties are drawn by seed and
    marked. Training on the result is not included. Prompts are reworded.
    """
    sampling = Sampling(samples=samples, temperature=temperature, solver=solver)
    reflector = critic or reflector_named()

    async def reflect(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        question, held = Question.of(state["question"]), sampling.held(state)
        groups = clusters(list(held.values()), question)
        if not groups:
            return {"answer": Answer(stop_reason="undecided", confidence=0.0)}
        tally = plurality(sampling.votes(state))
        answer = settled(tally, held, question, seed=runtime.context.seed)
        shown = [group[0].model_copy(update={"author": f"answer {n}"}) for n, group in enumerate(groups, 1)]
        update = await reflector(State(question=question, thoughts=shown), runtime)
        said, share = last_of(update), tally.scores[answer.value or ""] / samples
        reflection = said.data.get("reflection") if said else None
        report = {
            "clusters": [{"answer": group[0].answer, "size": len(group)} for group in groups],
            "confidence_from": "consistency" if samples > 1 else "verbal",
            "confidence_of_10": max(1, round(10 * share)),
        }
        sure = share if samples > 1 else next(iter(held.values())).confidence
        rationale = str(reflection or answer.rationale)
        return {**update, "answer": reported(answer, report, confidence=sure, rationale=rationale)}

    return sampling.graph(reflect)
