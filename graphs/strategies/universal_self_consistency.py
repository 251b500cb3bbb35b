"""Universal self-consistency: a model chooses the most consistent of several replies.

START -> sample, all at once -> select -> END
"""

from dataclasses import replace
from typing import Any

from langgraph.runtime import Runtime
from pydantic import Field

from disputatio.agents.agent import Agent, linking
from disputatio.agents.forms import Form
from disputatio.agents.judge import Judge
from disputatio.context import Context
from disputatio.graphs.ballots import marked
from disputatio.graphs.compose import turns_of
from disputatio.graphs.conclude import most_frequent, own_answer, reported
from disputatio.graphs.sampling import Sampling
from disputatio.graphs.speaking import last_of
from disputatio.graphs.wiring import Graph
from disputatio.memory.transcript import everything
from disputatio.question import Question
from disputatio.state import State
from disputatio.strategies import strategy

SELECT = """\
Above stand replies 1 to {count} to the question. Which of them is the most consistent with the others, as a majority \
would have it? Do not answer the question yourself. Give only the number of the reply."""


class Selection(Form):
    """The reply that is chosen."""

    response: list[str] = Field(description="the number of the reply, and nothing else")


@strategy(
    source="Chen et al. 2023, arXiv:2311.17311, section 3",
    calls=lambda selector, **given: Sampling(**given).turns + turns_of(selector),
)
def universal_self_consistency(
    *, samples: int = 8, temperature: float = 0.7, solver: Agent | None = None, selector: Agent | None = None
) -> Graph:
    """Sample several replies and let a model choose the one that agrees best with the others.

    It needs no equal answers, and so is for questions with free answers. The answer is that of one of the replies, as
    it is.

    Args:
        samples: How many replies are sampled, at least 1.
        temperature: Randomness of the samples, above 0 unless there is only one.
        solver: Who replies; None makes a plain solver.
        selector: Who chooses; None makes a judge, at temperature 0.

    Raises:
        ConfigurationError: If there are no samples, or several that would all be the same.

    Departs from the paper: replies without a readable answer are not shown; where the choice cannot be read the most
    frequent answer is taken. Prompts are reworded.
    """
    sampling = Sampling(samples=samples, temperature=temperature, solver=solver)
    judge = selector or Judge("selector")

    async def select(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        question, held = Question.of(state["question"]), sampling.held(state)
        if len(held) < 2:
            return {"answer": own_answer(next(iter(held.values()), None), question)}
        names = [f"reply {number}" for number in range(1, len(held) + 1)]
        shown = dict(zip(names, held.values(), strict=True))
        chooser = replace(
            judge,
            instruction=SELECT.format(count=len(names)),
            kind="vote",
            form=Selection,
            prose=False,
            view=everything,
            relate=linking("uses"),
        )
        labelled = [one.model_copy(update={"author": name}) for name, one in shown.items()]
        update = await chooser(State(question=question, thoughts=labelled), runtime)
        chosen = marked(last_of(update), names, Question(text="Which reply?"))
        if not chosen:
            answer = most_frequent(held, question, sampling.names, seed=runtime.context.seed)
            return {**update, "answer": reported(answer, {"chosen": None})}
        answer = own_answer(shown[chosen[0]], question)
        share = sampling.votes(state).count(answer.value) / len(names)
        return {**update, "answer": reported(answer, {"chosen": shown[chosen[0]].author}, confidence=share)}

    return sampling.graph(select)
