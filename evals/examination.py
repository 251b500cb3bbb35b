"""Examination: one agent alone, on solutions and on pairs of responses whose truth is known.

The agent is the very one that strategies are made of. What it is to judge stands before it as thoughts:

    a solution            verifier, critic    one call: its verdict, and the first step that it calls wrong
                          judge               one call: it decides which step is the first wrong one, or none
    two responses         judge               compares them twice, in both orders
                          verifier, critic    rules on each alone; supported beats refuted, then the higher score

An examination is a strategy, so that a bench runs, records and reports it like any other.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from disputatio.agents import Agent, Judge, StepCritic, Verifier
from disputatio.agents.comparison import comparer
from disputatio.context import Context
from disputatio.errors import ConfigurationError, unknown
from disputatio.evals.items import Item, Task
from disputatio.evals.metrics.meta_reasoning import Finding, found_by, solution_in
from disputatio.evals.scorers.steps import read_step
from disputatio.question import Question
from disputatio.state import Input, Output, State
from disputatio.strategies import Strategy, strategy
from disputatio.thought import Answer, Thought

AGENTS: Mapping[str, Callable[[], Agent]] = MappingProxyType(
    {"verifier": Verifier, "critic": StepCritic, "judge": Judge}
)
"""The agents that can be examined by name."""
PROBES = (
    Question(text="What is 6 times 7?", context=("Step 1: 6 times 7 is 42.",)),
    Question(text="What is 6 times 7?", choices=("It is 42.", "It is 24.")),
)
"""One question of each kind, for the hash of prompts."""
_RANKS = ("refuted", "undecided", "supported")


def examinations(names: tuple[str, ...]) -> dict[str, Strategy[...]]:
    """The examinations of agents by their names.

    Raises:
        ConfigurationError: If one is unknown.
    """
    for name in names:
        if name not in AGENTS:
            raise unknown("agent", name, AGENTS)
    return {name: examination(AGENTS[name]()) for name in names}


def examined(task: Task) -> Task:
    """The task with those of its items on which an agent can rule, scored as verdicts.

    Raises:
        ConfigurationError: If it has neither solutions with a first wrong step nor pairs with a better one.
    """
    found = [one for item in task.items if (one := _examined(item)) is not None]
    if not found:
        raise ConfigurationError(
            f"task {task.name!r} holds nothing that an agent can rule on: neither solutions with a first wrong step, "
            "such as mr_gsm8k, nor two responses of which one is better, such as llmbar"
        )
    return replace(task, items=found)


def _examined(item: Item) -> Item | None:
    if item.scorer == "first_error" and item.question.context:
        return item.model_copy(update={"scorer": "ruling"})
    if item.scorer == "choice" and len(item.question.choices) == 2:
        return item.model_copy(update={"scorer": "preference"})
    return None


@strategy(
    source="Disputatio; after Zeng et al. 2023, arXiv:2312.17080, section 3, and Zeng et al. 2024, arXiv:2310.07641",
    calls=lambda agent: 2 * agent.turns,
)
def examination(agent: Agent) -> StateGraph[State, Context, Input, Output]:
    """Put a solution, or two responses, before one agent, and answer what its verdict says.

    The answer is "right", "wrong" or "wrong at 3" of a solution, and "A B" of a pair: the response that is preferred
    in the order of the choices, and in the other; "?" is none. Why is its rationale.

    Args:
        agent: Who rules: one whose thoughts are verdicts, or a judge, who decides and compares.
    """
    rules = agent.kind == "verdict"

    async def examine(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        question = Question.of(state["question"])

        async def hear(speaker: Agent, asked: Question, *shown: Thought) -> Thought | None:
            update = await speaker(State(question=asked, thoughts=list(shown)), runtime)
            said = [one for one in update.get("thoughts", []) if one.author == speaker.name]
            return said[-1] if said else None

        if not question.choices:
            asked, solution = solution_in(question)
            if rules:
                heard = await hear(agent, asked, solution)
                found = found_by(heard) if heard else Finding(correct=None)
            else:
                heard = await hear(agent, question.model_copy(update={"context": ()}), solution)
                found = _decided(heard)
            return _answered(_spelled(found), _reason(heard, found.step))
        asked = question.model_copy(update={"choices": (), "answer_type": "text"})
        pair = [Thought(author=name, role="solver", kind="claim", text=text)
                for name, text in zip("AB", question.choices, strict=True)]  # fmt: skip
        if rules:
            verdicts = [await hear(replace(agent, name=f"{agent.name} {one.author}"), asked, one) for one in pair]
            return _answered(" ".join(2 * [_better(*map(_standing, verdicts))]))
        judge = comparer(agent)
        forward = await hear(replace(judge, name=f"{judge.name} A-B"), asked, *pair)
        swapped = [one.model_copy(update={"author": name}) for one, name in zip(pair[::-1], "AB", strict=True)]
        backward = await hear(replace(judge, name=f"{judge.name} B-A"), asked, *swapped)
        return _answered(f"{_preferred(forward, 'AB')} {_preferred(backward, 'BA')}")

    graph: StateGraph[Any, Context, Input, Output] = StateGraph(
        State, Context, input_schema=Input, output_schema=Output
    )
    graph.add_node(examine)
    graph.add_edge(START, "examine")
    graph.add_edge("examine", END)
    return graph


def _answered(text: str, rationale: str = "") -> dict[str, Any]:
    return {"answer": Answer(text=text, value=text or None, rationale=rationale)}


def _reason(heard: Thought | None, step: int | None) -> str:
    """What an agent said of the step that it calls wrong: its line on it and its reason, else all that it said."""
    if heard is None:
        return ""
    listed = heard.data.get("steps")
    lines = listed[step - 1 : step] if isinstance(listed, list) and step else []
    said = [str(one).strip() for one in (*lines, heard.data.get("reason")) if one]
    return "\n".join(dict.fromkeys(said)) or heard.text


def _spelled(finding: Finding) -> str:
    if finding.correct is None:
        return ""
    return "right" if finding.correct else f"wrong at {finding.step}" if finding.step else "wrong"


def finding_in(answer: str) -> Finding:
    """What an answer of an examination says about a solution."""
    if answer not in ("right", "wrong") and not answer.startswith("wrong at "):
        return Finding(correct=None)
    step = answer.partition(" at ")[2]
    return Finding(correct=answer == "right", step=int(step) if step else None)


def _decided(heard: Thought | None) -> Finding:
    """What a judge decided: the first wrong step, or none."""
    step = read_step(heard.answer) if heard and heard.answer else None
    return Finding(correct=None) if step is None else Finding(correct=step == 0, step=step or None)


def _standing(verdict: Thought | None) -> tuple[int, float] | None:
    """How well a response stands by the verdict on it; None where that cannot be read."""
    ruled = verdict.data.get("verdict") if verdict else None
    if verdict is None or ruled not in _RANKS:
        return None
    return _RANKS.index(str(ruled)), 0.5 if verdict.score is None else verdict.score


def _better(first: tuple[int, float] | None, second: tuple[int, float] | None) -> str:
    if first is None or second is None or first == second:
        return "?"
    return "A" if first > second else "B"


def _preferred(heard: Thought | None, letters: str) -> str:
    """The letter of the response that a judge preferred; `letters` are those of what it saw as A and B."""
    preference = heard.data.get("preference") if heard else None
    return letters[preference > 0] if isinstance(preference, int) else "?"
