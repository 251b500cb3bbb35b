"""Plan, execute, solve: a plan is made before anything is observed, carried out in waves, and read once.

START -> plan -+-> work, every step of a wave at once -> check -+-> work
               +-> plan (repair)                                +-> solve -> END
               +-> solve (nothing to do) or refuse -> END
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from operator import add
from typing import Annotated, Any

from langgraph.graph import END, START
from langgraph.runtime import Runtime
from langgraph.types import Send
from pydantic import JsonValue

from disputatio.agents.agent import Agent
from disputatio.agents.tool_step import observation, observe, shown_tools
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs.conclude import own_answer, reported
from disputatio.graphs.plans import PlanStep, faults, filled, read_plan, template, waves
from disputatio.graphs.speaking import last_of, told
from disputatio.graphs.wiring import Graph, new_graph
from disputatio.question import Question
from disputatio.state import Output, State, Update
from disputatio.strategies import strategy
from disputatio.thought import Answer, Link, Thought
from disputatio.tools.step import at_step
from disputatio.tools.toolbox import Tools
from disputatio.writing import as_data

REPAIR = "Your plan:\n{plan}\n\nIt cannot be carried out: {faults}. Write the whole plan again."
LONGEST = 2000
"""Characters of one result that the solver sees."""


def _union(old: dict[str, str], new: dict[str, str]) -> dict[str, str]:
    return {**new, **old}  # what is known is not written over


class Plan(State):
    """The state of the pattern."""

    given: int
    """How many thoughts there were before."""
    plans: int
    """How often a plan was written."""
    plan: str
    """The plan as written."""
    wrong: list[str]
    evidence: Annotated[dict[str, str], _union]
    """The result of each step that is done, by its variable."""
    sources: Annotated[dict[str, str], _union]
    """The thought that holds it."""
    outside: Annotated[list[str], add]
    """The variables whose results were read outside."""
    step: str
    """The step that one worker carries out."""


class Found(Update, total=False):
    """What a worker adds."""

    evidence: dict[str, str]
    sources: dict[str, str]
    outside: list[str]


def _turns(planner: Agent, solver: Agent, tools: Tools, workers: Mapping[str, Agent], steps: int, repairs: int) -> int:
    each = max((agent.turns for agent in workers.values()), default=0)
    return planner.turns * (1 + repairs) + steps * each + solver.turns


@strategy(source="Disputatio, after Xu et al. 2023, arXiv:2305.18323", calls=_turns)
def plan_execute(
    planner: Agent,
    solver: Agent,
    *,
    tools: Tools = (),
    workers: Mapping[str, Agent] | None = None,
    steps: int = 20,
    repairs: int = 0,
) -> Graph:
    """Let a planner write steps with variables, carry them out in waves, and let a solver answer from the results.

    Args:
        planner: Who plans, in words that `graphs.plans.read_plan` reads. Where its instruction says `{tools}`, it is
            shown the tools.
        solver: Who answers, from the plan and what its steps gave.
        tools: What steps can call, by name; those of a toolbox as they are when the plan is made, and at each step.
        workers: Agents that steps can call, by name; they see the step's input as their question, and nothing else.
        steps: The most steps of a plan, at least 1.
        repairs: How often a planner whose plan cannot be carried out is told why and asked again.

    Raises:
        ConfigurationError: If a number is too small, or a name is that of a tool and of a worker.
    """
    hired = dict(workers or {})
    _check(steps, repairs, hired, tools)

    async def plan(state: Plan, runtime: Runtime[Context]) -> dict[str, object]:
        given = state.get("given", len(state.get("thoughts", [])))
        wrong = "; ".join(state.get("wrong", []))
        words = REPAIR.format(plan=state.get("plan", ""), faults=wrong) if wrong else ""
        written_before = state.get("plans", 0)
        shown = await shown_tools(planner, tools, runtime.context, round=written_before)
        said = await told(shown, words)(_before(state, given), runtime)
        return {**said, "given": given, "plans": written_before + 1, **_read(last_of(said), steps)}

    async def work(state: Plan, runtime: Runtime[Context]) -> Found:
        step = next(one for one in read_plan(state["plan"]) if one.id == state["step"])
        evidence = state.get("evidence", {})
        worker = next((one for name, one in hired.items() if name.casefold() == step.tool.casefold()), None)
        if worker and step.input:
            asked = State(question=Question(text=_asked(step, evidence, state.get("outside", []))), thoughts=[])
            said = await replace(worker, name=f"{worker.name} {step.id}")(asked, runtime)
            result = last_of(said)
        else:
            result = await _observed(
                step, evidence, tools, planner.name, Question.of(state["question"]), runtime.context
            )
            said = Update(thoughts=[result], links=_uses(result, step, state))
            runtime.context.say(result, links=said["links"])
        got = result.text.strip() if result else ""
        found: dict[str, str] = {step.id: _shortened(got) or "(nothing was found)"}
        copied = not step.tool and not {*step.needs}.isdisjoint(state.get("outside", []))
        outside = [step.id] if copied or (result and result.data.get("trusted") is False) else []
        return {**said, "evidence": found, "sources": {step.id: result.id} if result else {}, "outside": outside}

    async def check(state: Plan) -> dict[str, object]:
        return {}  # waits for the whole wave

    async def solve(state: Plan, runtime: Runtime[Context]) -> dict[str, object]:
        by_id = {one.id: one for one in state["thoughts"]}
        about = [by_id[one] for one in state.get("sources", {}).values() if one in by_id]
        agent = told(solver, _findings(state), about=about, kind="uses")
        said = await agent(_before(state, state["given"]), runtime)
        answer = own_answer(last_of(said), Question.of(state["question"]))
        done: dict[str, JsonValue] = {"ended": "solved", "steps": len(read_plan(state["plan"]))}
        return {**said, "answer": reported(answer, done)}

    async def refuse(state: Plan) -> Output:
        return {"answer": Answer(stop_reason="undecided", data={"ended": "plan refused", "wrong": [*state["wrong"]]})}

    def after_plan(state: Plan) -> str | list[Send]:
        if state["wrong"]:
            return "plan" if state["plan"] and state["plans"] <= repairs else "refuse"
        return _ready(state)

    graph = new_graph(plan, work, check, solve, refuse)
    graph.add_edge(START, "plan")
    graph.add_conditional_edges("plan", after_plan, ["plan", "work", "solve", "refuse"])
    graph.add_edge("work", "check")
    graph.add_conditional_edges("check", _ready, ["work", "solve"])
    graph.add_edge("solve", END)
    graph.add_edge("refuse", END)
    return graph


def _check(steps: int, repairs: int, workers: Mapping[str, Agent], tools: Tools) -> None:
    if steps < 1 or repairs < 0:
        raise ConfigurationError(f"a plan needs steps of at least 1 and repairs from 0, got {steps} and {repairs}")
    if twice := {name.casefold() for name in workers} & {tool.name.casefold() for tool in tools}:
        raise ConfigurationError(f"{min(twice)!r} is the name of a tool and of a worker")


def _read(written: Thought | None, most: int) -> dict[str, object]:
    """The plan, and what is wrong with it."""
    if written is None:
        return {"plan": "", "wrong": ["there is no plan"]}
    found = read_plan(_text(written))
    long = [f"it has {len(found)} steps, at most {most} can be carried out"] if len(found) > most else []
    return {"plan": _text(written), "wrong": [*faults(found), *long]}


def _ready(state: Plan) -> str | list[Send]:
    """The next wave of steps; the solver when all are done."""
    found, done = read_plan(state["plan"]), state.get("evidence", {})
    wave = next((one for one in waves(found) if any(id not in done for id in one)), [])
    shown: Any = {
        key: state.get(key) for key in ("question", "plan", "evidence", "sources", "outside", "given") if key in state
    }
    return [Send("work", {**shown, "step": id}) for id in wave] or "solve"


def _before(state: State, given: int) -> State:
    """What was there before the plan."""
    return State(question=state["question"], thoughts=state.get("thoughts", [])[:given])


def _text(written: Thought) -> str:
    """The plan as written; where that holds no step, as it was extracted."""
    listed = written.data.get("assignments")
    extracted = "\n".join(str(one) for one in listed) if isinstance(listed, list) else ""
    return written.text if read_plan(written.text) else extracted or written.text


def _asked(step: PlanStep, evidence: Mapping[str, str], outside: Collection[str]) -> str:
    """A worker's question; results from outside are no part of it, but follow it as data under their names."""
    text = filled(step.input, {id: one for id, one in evidence.items() if id not in outside})
    below = [f"#{id}: {as_data(evidence[id])}" for id in step.needs if id in outside and id in evidence]
    return "\n\n".join([text[: LONGEST * 10], *below])


def _findings(state: Plan) -> str:
    """Each step with its result, in the order of the plan; what was read outside is marked as data."""
    found, done = read_plan(state["plan"]), dict(state.get("evidence", {}))
    done |= {one: as_data(done[one]) for one in state.get("outside", [])}
    parts = [f"#{step.id}: {step.reason or step.tool}\nResult: {done.get(step.id, '')}" for step in found]
    return "\n\n".join(["What was found out:", *parts]) if parts else f"The plan:\n{state['plan']}"


def _uses(result: Thought, step: PlanStep, state: Plan) -> list[Link]:
    used = [state.get("sources", {}).get(one) for one in step.needs]
    return [Link(source=result.id, target=one, kind="uses") for one in used if one]


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} [... {len(text)} characters]"


async def _observed(
    step: PlanStep,
    evidence: Mapping[str, str],
    tools: Tools,
    author: str,
    question: Question,
    context: Context,
) -> Thought:
    """What a tool gives, or the input itself where nothing is called."""
    fill = partial(filled, evidence=evidence) if step.needs else None
    text = template(step.input) if fill else step.input
    if step.tool:
        present = await at_step(tools, context, author=author, round=0, seen=(step.id,))
        return await observe(
            present, step.tool, text, question, context, asked_by=author, round=0, origin=step.id, fill=fill
        )
    text = filled(text, evidence)
    return observation(step.id, text, context, round=0, data={"asked_by": author}, origin=step.id)
