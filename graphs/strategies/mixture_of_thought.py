"""Mixture-of-Thought: one problem is reasoned through in prose, in code and in a truth table, and the answers vote.

START -> reason, all modes and samples at once -> verify -> vote -> END
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from langgraph.graph import END, START
from langgraph.runtime import Runtime
from langgraph.types import Send
from pydantic import Field

from disputatio.agents.agent import Agent
from disputatio.agents.forms import Answered, answered
from disputatio.agents.solver import Solver
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs.conclude import most_frequent, reported
from disputatio.graphs.wiring import Graph, Seat, all_at_once, new_graph, together
from disputatio.graphs.worked_out import executed, last_code, tabulated
from disputatio.question import Question
from disputatio.state import Output, State, Update
from disputatio.strategies import strategy
from disputatio.thought import Link, Thought

Mode = Literal["language", "code", "table"]
MODES: tuple[Mode, ...] = ("language", "code", "table")
LONGEST = 2048
LANGUAGE = """\
Reason in plain language. Number your steps, and say for each which premises it rests on. Write no code and no table. \
Then give the answer."""
CODE = """\
Reason in Python. Translate the premises into variables and functions over True, False and None (not known), let the \
code derive the answer from them, and let its last line print the answer and nothing else. Use no packages. Write one \
block between ```python and ```, and then give the answer that it prints."""
TABLE = """\
Reason by a truth table. Name each elementary statement with one word. Write the premises and the conclusion as \
formulas with these names, not, and, or, xor, ->, <-> and brackets. Drop the rows that make a premise false, and look \
at the conclusion on the rows that are left: true on all of them, false on all, or uncertain. Then give the answer."""


class Table(Answered):
    """A truth table, so that it can be checked."""

    premises: list[str] = Field(default=[], description="a list of the premises as formulas, such as rain -> wet")
    conclusion: str = Field(default="", description="the conclusion as a formula")
    rows: list[str] = Field(default=[], description="a list of rows, such as rain=T wet=F: dropped, rain=T wet=T: kept")


@dataclass(frozen=True)
class Task:
    """What one branch is to do."""

    mode: Mode
    number: int
    """Which sample of the mode, from 1."""

    @property
    def name(self) -> str:
        """The author of what is said."""
        return self.mode if self.number == 1 else f"{self.mode} {self.number}"


def _asked(solver: Agent, task: Task, temperature: float) -> Agent:
    """The agent that reasons in one mode."""
    return replace(
        solver,
        name=task.name,
        instruction={"language": LANGUAGE, "code": CODE, "table": TABLE}[task.mode],
        form=partial(answered, base=Table) if task.mode == "table" else answered,
        temperature=temperature,
        max_tokens=solver.max_tokens or LONGEST,
    )


def kept_to_its_mode(mode: Mode, said: Thought) -> bool:
    """Whether a reply is in the form of its mode and has not slipped into another one."""
    has_code, has_table = last_code(said.text) is not None, bool(said.data.get("premises"))
    return (has_code, has_table) == {"language": (False, False), "code": (True, False), "table": (False, True)}[mode]


@strategy(
    source="Zheng et al. 2025, arXiv:2505.15817, inference; decoding of the released code",
    calls=lambda samples, temperature, execute, check, strict, solver: 3 * samples * (solver or Solver()).turns,
)
def mixture_of_thought(
    *,
    samples: int = 1,
    temperature: float = 0.7,
    execute: bool = True,
    check: bool = True,
    strict: bool = False,
    solver: Agent | None = None,
) -> Graph:
    """Reason in prose, in code and in a truth table, blind to one another, and take the most frequent answer.

    Costs 3 calls a sample, all at once. Made for logic: premises as documents or in the question, and True, False and
    Uncertain as choices.

    Args:
        samples: Samples of each of the three modes, at least 1; all are pooled in one vote.
        temperature: Randomness of the replies, above 0 if there are several samples.
        execute: Whether code is run in the sandbox; what it prints then counts, not what the model says that it prints.
        check: Whether tables in propositional logic are worked out exactly; what follows then counts.
        strict: Whether a reply that is not in the form of its mode is left out.
        solver: Who reasons; None makes a plain solver.

    Raises:
        ConfigurationError: If there are no samples, or several that would all be the same.

    Departs from the paper: only inference, on a model that was not trained for it, with zero-shot prompts of our own
    instead of its tags; the released code neither runs the code nor checks the table, which `execute=False` and
    `check=False` give; top-p and top-k are the model's; ties are drawn by seed and marked, where the released voter
    takes the first letter; inconsistent premises vote for Uncertain. Code that fails, or prints a fixed text without
    working anything out, does not count, and the answer in the reply does.
    """
    if samples < 1 or temperature < 0 or (samples > 1 and temperature == 0):
        raise ConfigurationError(f"needs samples >= 1, and a temperature if several, got {samples=}, {temperature=}")
    tasks = [Task(mode, number) for mode in MODES for number in range(1, samples + 1)]
    checks = {**({"code": executed} if execute else {}), **({"table": tabulated} if check else {})}

    async def fan_out(state: State) -> list[Send]:
        return all_at_once("reason", state, len(tasks))

    async def reason(state: Seat, runtime: Runtime[Context]) -> Update:
        return await _asked(solver or Solver(), tasks[state["place"] - 1], temperature)(state, runtime)

    async def verify(state: State, runtime: Runtime[Context]) -> Update:
        question, given = Question.of(state["question"]), _said(state, tasks)
        found = await together(
            checks[one.mode](said, question, runtime.context) for one, said in given.items() if one.mode in checks
        )
        thoughts = [one for one in found if one is not None]
        said_by = {said.author: said for said in given.values()}
        links = [Link(source=one.id, target=said_by[str(one.data["about"])].id, kind="verifies") for one in thoughts]
        runtime.context.say(*thoughts, links=links)
        return {"thoughts": thoughts, "links": links}

    async def vote(state: State, runtime: Runtime[Context]) -> Output:
        question, traces, held = Question.of(state["question"]), list[Any](), dict[str, Thought]()
        about = {str(one.data.get("about")): one for one in state.get("thoughts", []) if one.data.get("about")}
        given = _said(state, tasks)
        for task in tasks:
            said, tested = given.get(task), about.get(task.name)
            in_form = said is not None and kept_to_its_mode(task.mode, said)
            holder = tested if tested and tested.answer is not None else said
            if holder and question.canonical(holder.answer) is not None and (in_form or not strict):
                held[task.name] = holder
            told = {"mode": task.mode, "sample": task.number, "format_ok": in_form, "said": said and said.answer}
            traces.append({**told, "tested": tested and tested.data["result"]})
        answer = most_frequent(held, question, [task.name for task in tasks], seed=runtime.context.seed)
        support = sum(question.canonical(one.answer) == answer.value for one in held.values())
        return {"answer": reported(answer, {"traces": traces, "support": support})}

    graph = new_graph(reason, verify, vote)
    graph.add_conditional_edges(START, fan_out, ["reason"])
    return graph.add_edge("reason", "verify").add_edge("verify", "vote").add_edge("vote", END)


def _said(state: State, tasks: Sequence[Task]) -> Mapping[Task, Thought]:
    """What was said in each mode and sample, in their order."""
    latest = {one.author: one for one in state.get("thoughts", []) if one.role != "tool"}
    return {task: latest[task.name] for task in tasks if task.name in latest}
