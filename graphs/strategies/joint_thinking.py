"""Joint thinking: a model answers with and without thinking; where the answers differ it thinks about both.

START -+-> think ----+-> compare -+-> END       the answers agree
       +-> no think -+            +-> rethink -> END
"""

from dataclasses import replace
from typing import Any

from langgraph.graph import END, START
from langgraph.runtime import Runtime
from langgraph.types import Command

from disputatio.agents.agent import Agent
from disputatio.agents.solver import Solver
from disputatio.context import Context
from disputatio.errors import UnsupportedError
from disputatio.graphs.conclude import own_answer, positions, reported
from disputatio.graphs.speaking import last_of, told
from disputatio.graphs.wiring import Graph, new_graph
from disputatio.question import Question
from disputatio.state import State, Update
from disputatio.strategies import strategy
from disputatio.thought import Answer, Thought

AT_ONCE = "Give your answer at once, without any reasoning."
TWO = """\
Two candidate answers were given to the question: {candidates}. Either one of them is right or both are wrong. First \
verify them. If both are wrong, think again and do not make the same mistake."""
ONE = """\
One candidate answer was given to the question: {candidates}. It is right or wrong. First verify it. If it is wrong, \
think again and do not make the same mistake."""
MODES = ("thinking", "no thinking")


@strategy(
    source="Wu et al. 2025, arXiv:2508.03363, section 3",
    calls=lambda solver, temperature, emulate: 3 * (solver or Solver()).turns,
)
def joint_thinking(*, solver: Agent | None = None, temperature: float = 0.6, emulate: bool = False) -> Graph:
    """Answer once with thinking and once without; if the answers differ, think once more with both in sight.

    Calls: 2 where the answers agree, else 3. The second prompt shows the two answers and no reasoning, the thinking
    one first. The data tells the path: agreed, recalibrated, or fallback where the last reply gave no answer and the
    first one with thinking stands.

    Args:
        solver: Who answers; None makes a plain solver.
        temperature: Randomness of all three replies, from 0.
        emulate: For a model without two modes: step by step stands for thinking, an answer at once for its absence.
            The data says so.

    Raises:
        UnsupportedError: When it runs on a model that cannot be told whether to think, and `emulate` is not set.

    Departs from the paper: the candidates are named in the prompt, not at the start of the thoughts, which few
    servers let one write. Where one answer could not be read, only the other is named; where none could, the question
    is put once more as it was. A reply that was cut off gives no answer. Prompts are reworded.
    """
    thinker = replace(solver or Solver(), temperature=temperature, thinking=None if emulate else True)
    hasty = replace(thinker, instruction=AT_ONCE) if emulate else replace(thinker, thinking=False)
    first = [replace(thinker, name=MODES[0]), replace(hasty, name=MODES[1])]

    def held(state: State) -> dict[str, Thought]:
        whole = [thought for thought in state.get("thoughts", []) if not thought.cut]
        return positions(whole, Question.of(state["question"]), MODES)

    def concluded(state: State, last: Thought | None, path: str) -> Answer:
        return reported(own_answer(last, Question.of(state["question"])), {"path": path, "emulated": emulate})

    def compare(state: State) -> Command[str]:
        question, given = Question.of(state["question"]), held(state)
        answers = {question.canonical(thought.answer) for thought in given.values()}
        if len(given) < 2 or len(answers) > 1:
            return Command(goto="rethink")
        return Command(goto=END, update={"answer": concluded(state, given[MODES[0]], "agreed")})

    async def rethink(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        given = held(state)
        candidates = " and ".join(f'"{thought.answer}"' for thought in given.values())
        words = ("", ONE, TWO)[len(given)].format(candidates=candidates)
        again = told(thinker, words, name="second thinking", about=[*given.values()], kind="verifies")
        again = replace(again, view=lambda state: [one for one in thinker.view(state) if one.author not in MODES])
        update = await _switched(again, state, runtime)
        said = last_of(update)
        answer = concluded(state, None if said is None or said.cut else said, "recalibrated")
        if answer.abstained:
            answer = concluded(state, next(iter(given.values()), None), "fallback")
        return {**update, "answer": answer}

    graph = new_graph()
    for agent in first:
        graph.add_node(agent.name, _speaking(agent))
        graph.add_edge(START, agent.name)
    graph.add_node(compare, destinations=("rethink", END))
    graph.add_node(rethink)
    graph.add_edge(list(MODES), "compare")
    graph.add_edge("rethink", END)
    return graph


def _speaking(agent: Agent) -> Any:
    async def speak(state: State, runtime: Runtime[Context]) -> Update:
        return await _switched(agent, state, runtime)

    return speak


async def _switched(agent: Agent, state: State, runtime: Runtime[Context]) -> Update:
    """The agent's update; the error for a model without two modes names the way out."""
    try:
        return await agent(state, runtime)
    except UnsupportedError as error:
        if error.feature == "thinking":
            message = f"{error}; emulate=true lets an answer at once stand for one without thinking"
            raise UnsupportedError(message, feature=error.feature) from error
        raise
