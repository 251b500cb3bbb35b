"""Constraint first: the question is made formal and frozen, and the answer is derived by a solver inside of that.

START -> formalise -+-> formalise            while the constraint cannot be used and tries are left
                    +-> solve -+-> solve     while the answer is open and turns are left
                    |          +-> conclude
                    +-> conclude -> END      if there is no constraint
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from langgraph.graph import END, START
from langgraph.runtime import Runtime
from pydantic import Field

from disputatio.agents.agent import Agent
from disputatio.agents.formaliser import Formaliser
from disputatio.agents.forms import Form
from disputatio.agents.tool_step import LIST, observation, shown_tools
from disputatio.agents.tool_step import observe as carried_out
from disputatio.context import Context
from disputatio.errors import ConfigurationError, ToolError, require
from disputatio.graphs.act_observe import action_of
from disputatio.graphs.compose import turns_of
from disputatio.graphs.conclude import own_answer, reported
from disputatio.graphs.speaking import last_of, told
from disputatio.graphs.wiring import Graph, joined, new_graph
from disputatio.memory.transcript import of_kind
from disputatio.question import Question
from disputatio.state import Output, State, Update
from disputatio.strategies import strategy
from disputatio.thought import Link, Thought
from disputatio.tools import algebra, answer_sets
from disputatio.tools.step import at_step
from disputatio.tools.task_constraint import Step, TaskConstraint, increment, status_of, told_core
from disputatio.tools.threads import in_thread
from disputatio.tools.toolbox import Tools, held

SOLVE = """\
The constraint is fixed. Nothing in it can be changed or declared anew. In each turn add one increment: a condition \
over these variables that the question gives, a value or an equation. A solver checks it and tells you the status; \
what contradicts the rest is taken back. The solver derives the answer, so do not compute it yourself.{tools} \
When nothing is left to add, write none."""
OFFER = f" You can first have something worked out by a tool:\n{LIST}\n"
TOOLS = (algebra, answer_sets)
_CALL = re.compile(r"(\w+)\s*\[(.*)\]", re.DOTALL)


class Increment(Form):
    """One step of the solver."""

    add: str = Field(description="one condition, such as n == 3; none if nothing is left to add")
    action: str = Field(default="", description="tool[input], or none")


def once(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Keep the first value: what is frozen is never written again.

    Raises:
        ValueError: If a node tries to.
    """
    if old and new and old != new:
        raise ValueError("the task constraint is frozen and cannot be changed")
    return old or new


class Progress(State):
    """The state of one solution."""

    tries: int
    trouble: str
    """Why the latest constraint could not be used; empty if it can."""
    formal: Annotated[Mapping[str, Any] | None, once]
    """The fields of the frozen constraint."""
    added: list[str]
    """Increments that hold, in order."""
    dropped: list[str]
    """Conditions of the constraint that were rewritten, where it is not frozen."""
    trail: list[str]
    """Each turn and what came of it, as the solver sees it."""
    turns: int
    status: str
    last: Thought | None
    ended: str


@dataclass(frozen=True, kw_only=True)
class Solution:
    """Who formalises and solves, within which limits; its methods are the nodes of the graph."""

    analyst: Agent
    solver: Agent
    tools: Tools
    turns: int
    retries: int
    frozen: bool

    async def formalise(self, state: Progress, runtime: Runtime[Context]) -> dict[str, object]:
        """Make the question formal, once, and freeze that if a solver can use it."""
        require("z3", extra="logic")  # before a call is made
        trouble, question = state.get("trouble", ""), Question.of(state["question"])
        words = f"Your constraint could not be used: {trouble}. Write it anew." if trouble else ""
        said = await told(self.analyst, words)(state, runtime)
        last, tries = last_of(said), state.get("tries", 0) + 1
        if last is None or not last.data:
            return {**said, "tries": tries, "trouble": "it could not be read", "ended": "" if last else "no reply"}
        try:
            task = TaskConstraint.read(last.data, question)
            solved = await in_thread(lambda: task.solved(task.constraints))
        except ToolError as error:
            return {**said, "tries": tries, "trouble": str(error)}
        if solved.status == "unsat":
            core = told_core(task.constraints, solved)
            return {**said, "tries": tries, "trouble": f"its rules contradict one another: {core}"}
        status, answer = status_of(task, task.constraints, solved)
        shown = _recorded("constraint", str(task), answer, last, runtime.context, {"objective": task.over})
        return {
            **_with(said, shown, last),
            "trouble": "",
            "formal": last.data,
            "status": status,
            "last": shown if answer is not None else None,
            "ended": "solved" if answer is not None else "",
        }

    async def solve(self, state: Progress, runtime: Runtime[Context]) -> dict[str, object]:
        """Take one turn: an increment that is checked, or a tool."""
        question, context, now = Question.of(state["question"]), runtime.context, state.get("turns", 0) + 1
        task = TaskConstraint.read(dict(state["formal"] or {}), question).without(state.get("dropped", []))
        told_so_far = "\n".join([f"The constraint:\n{task}", *state.get("trail", [])])
        before = State(question=state["question"], thoughts=[], round=now)
        shown = await shown_tools(self.solver, self.tools, context, round=now)
        said = await told(shown, told_so_far)(before, runtime)
        last = last_of(said)
        update: dict[str, object] = {**said, "turns": now, "round": now}
        if last is None:
            return {**update, "ended": "no reply"}
        text, action = str(last.data.get("add") or "").strip(), action_of(last)
        if call := _CALL.match(action or ""):
            present = await at_step(self.tools, context, author=self.solver.name, round=now, seen=(last.id,))
            made = await carried_out(present, call[1], call[2], question, context, asked_by=last.author, round=now)
            context.say(made)
            step = Step(made.text, state.get("added", []), state.get("dropped", []))
        elif text.casefold().strip(" .") in ("", "none"):
            return {**update, "ended": "nothing left to add" if last.data else "no reply"}
        else:
            given = Step(text, state.get("added", []), state.get("dropped", []))
            step = await in_thread(lambda: increment(task, given, frozen=self.frozen))
            data = {"increment": text, "status": step.status.partition(":")[0]}
            made = _recorded("z3", step.status, step.answer, last, context, data)
        return {
            **update,
            **_with(said, made, last),
            "trail": [*state.get("trail", []), f"Turn {now}: {action or text}\nStatus: {step.status}"],
            "status": step.status,
            "added": step.added,
            "dropped": step.dropped,
            "last": made if step.answer is not None else None,
            "ended": "solved" if step.answer is not None else "",
        }

    async def conclude(self, state: Progress) -> Output:
        """Give the answer that followed, and what holds."""
        question = Question.of(state["question"])
        ended = state.get("ended") or ("turns" if state.get("formal") else "no constraint")
        formal, answer = state.get("formal") or {}, own_answer(state.get("last"), question)
        report = {
            "ended": ended,
            "turns": state.get("turns", 0),
            "status": state.get("status", "") or state.get("trouble", ""),
            "increments": list(state.get("added", [])),
            "ambiguities": list(formal.get("ambiguities", ())),
        }
        return {"answer": reported(answer, report)}

    async def after_formalising(self, state: Progress) -> str:
        """Where to go from `formalise`."""
        if state.get("formal") and not state.get("ended"):
            return "solve"
        return "conclude" if state.get("ended") or state["tries"] > self.retries else "formalise"

    async def after_solving(self, state: Progress) -> str:
        """Where to go from `solve`."""
        return "conclude" if state.get("ended") or state["turns"] >= self.turns else "solve"


@strategy(
    source="Geometrically-Constrained Agent for Spatial Reasoning (GCA), 2025; the loop: GF-Reasoner, 2025",
    calls=lambda tools, turns, retries, frozen, analyst, solver: (
        turns_of(analyst) * (1 + retries) + turns * turns_of(solver)
    ),
)
def constraint_first(
    *,
    tools: Tools | None = None,
    turns: int = 15,
    retries: int = 2,
    frozen: bool = True,
    analyst: Agent | None = None,
    solver: Agent | None = None,
) -> Graph:
    """Formalise the question, freeze that, and let a model add facts which a solver checks until one answer follows.

    Costs 1 call, one more for each constraint that could not be used, and one for each turn.

    Args:
        tools: What the solving model can call to work something out; None is symbolic mathematics and answer sets. A
            toolbox follows its servers at each turn.
        turns: The most turns, at least 1.
        retries: How often a constraint that cannot be used is sent back with the reason.
        frozen: Whether the constraint is held fast. False is the ablation "constraint by prompt only": the solving
            model may then rewrite a rule by adding one that contradicts it, and the newer one counts.
        analyst: Who formalises, with the form `agents.formaliser.Formal`; None makes one.
        solver: Who adds increments, with the form `Increment`; None makes one. Where its instruction says `{tools}`, it
            is shown the tools.

    Raises:
        ConfigurationError: If there are no turns.

    Departs from the paper: text instead of images, so that facts come from the question and not from detectors, and
    there is no visual feedback; frame and objective are declarations, rules and conditions in the language of the tool
    `constraints`, whose functions stand in for the library of formulas; z3 solves, and increments that contradict are
    rolled back, as in GF-Reasoner's loop, without its training; an answer that is not unique is not given, and all that
    are left are reported. ChatABL's abduction is no part of it.
    """
    if turns < 1 or retries < 0:
        raise ConfigurationError(f"needs turns >= 1 and retries >= 0, got {turns=} and {retries=}")
    found = TOOLS if tools is None else held(tools)
    adding = solver or Agent(
        name="solver",
        role="solver",
        instruction=SOLVE.replace(LIST, OFFER if found else ""),
        form=Increment,
        view=of_kind("plan"),
        temperature=0.0,
    )

    solution = Solution(
        analyst=analyst or Formaliser(), solver=adding, tools=found, turns=turns, retries=retries, frozen=frozen
    )
    graph = new_graph(solution.formalise, solution.solve, solution.conclude)
    graph.add_edge(START, "formalise").add_edge("conclude", END)
    graph.add_conditional_edges("formalise", solution.after_formalising, ["formalise", "solve", "conclude"])
    return graph.add_conditional_edges("solve", solution.after_solving, ["solve", "conclude"])


def _recorded(
    author: str, text: str, answer: str | None, about: Thought, context: Context, data: dict[str, Any]
) -> Thought:
    """What the solver says, as a thought of the record."""
    made = observation(author, text, context, round=about.round, data=data, origin=about.id)
    made = made.model_copy(update={"answer": answer})
    context.say(made, links=[Link(source=made.id, target=about.id, kind="verifies")])
    return made


def _with(said: Update, made: Thought, about: Thought) -> Update:
    """What was said, and what came of it."""
    return joined(said, Update(thoughts=[made], links=[Link(source=made.id, target=about.id, kind="verifies")]))
