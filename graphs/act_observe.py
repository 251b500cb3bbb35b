"""Act and observe: one agent thinks, calls a tool, reads what came of it, and so on until it answers.

START -> act -+-> observe -> act
              +-> conclude -> END
"""

import re
from collections.abc import Sequence

from langgraph.graph import END, START
from langgraph.runtime import Runtime
from pydantic import Field

from disputatio.agents.agent import Agent
from disputatio.agents.proposer import Unfinished, unfinished
from disputatio.agents.tool_step import observation
from disputatio.agents.tool_step import observe as carried_out
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs.conclude import own_answer
from disputatio.graphs.speaking import last_of, spoken, told
from disputatio.graphs.wiring import Graph, new_graph
from disputatio.memory.transcript import words
from disputatio.question import Question
from disputatio.state import Output, State, Update
from disputatio.strategies import strategy
from disputatio.thought import Link, Thought
from disputatio.tools.tool import Tool

FORMAT = 'error: write one line "Action: tool[input]" to use a tool, or give the answer; there are: {tools}'
LONGEST = 2000
"""Characters of one observation that the actor sees."""
_ACTION = re.compile(r"^[\s*_]*action\s*\d*[*_\s]*:[*_\s]*(.*)", re.IGNORECASE | re.MULTILINE | re.DOTALL)
_CALL = re.compile(r"(\w[\w ]*?)\s*\[(.*)\]", re.DOTALL)
_OBSERVATION = re.compile(r"^[\s*_]*observation\s*\d*[*_\s]*:", re.IGNORECASE | re.MULTILINE)
_LATER = re.compile(r"^[\s*_]*(?:action|answer|thought)\s*\d*[*_\s]*:", re.IGNORECASE | re.MULTILINE)


class Acting(Unfinished):
    """An action, or the answer."""

    action: str = Field(default="", description="tool[input], or none if you give the answer")


def acting(question: Question, seen: Sequence[Thought] = ()) -> type[Unfinished]:
    """The form of one who acts or answers."""
    return unfinished(question, seen, Acting)


class Trail(State):
    """The state of the loop."""

    given: int
    """How many thoughts there were before."""
    trail: list[str]
    """What was thought, done and observed, in order, as the actor sees it."""
    actions: list[str]
    last: Thought
    ended: str
    """Why the loop is over; empty while it is not."""


@strategy(
    source="Disputatio, after Yao et al. 2022, arXiv:2210.03629", calls=lambda actor, tools, steps: steps * actor.turns
)
def act_observe(actor: Agent, tools: Sequence[Tool], *, steps: int = 7) -> Graph:
    """Let an agent think, call one tool and read what came of it, step by step, until it answers.

    Costs one turn a step. An action that cannot be read costs a step, too: its observation says how to write one. A
    loop that uses up its steps is undecided.

    Args:
        actor: Who acts; its form is `acting`, and it says "Action: tool[input]" or gives an answer.
        tools: What it can call, at least one.
        steps: The most steps, the answer's own included; at least 1.

    Raises:
        ConfigurationError: If there are no steps or no tools.
    """
    if steps < 1 or not tools:
        raise ConfigurationError(f"a loop of actions needs at least 1 step and 1 tool, got {steps} and {len(tools)}")

    async def act(state: Trail, runtime: Runtime[Context]) -> dict[str, object]:
        given, now = state.get("given", len(state.get("thoughts", []))), state.get("round", 0) + 1
        observed = [one for one in state.get("thoughts", [])[given:] if one.role == "tool"]
        agent = told(actor, "\n".join(state.get("trail", [])), about=observed[-1:], kind="uses")
        before = State(question=state["question"], thoughts=state.get("thoughts", [])[:given], round=now)
        said = await spoken(agent, before, runtime)
        last = last_of(said)
        if last is None:
            return {**said, "given": given, "round": now, "ended": "too long" if said.get("thoughts") else "no reply"}
        ended = "answered" if last.answer is not None and action_of(last) is None else ""
        trail = [*state.get("trail", []), f"Thought: {_own_words(last.text)}"]
        return {**said, "given": given, "round": now, "last": last, "trail": trail, "ended": ended}

    async def observe(state: Trail, runtime: Runtime[Context]) -> dict[str, object]:
        asked, last, now = action_of(state["last"]), state["last"], state["round"]
        called = _CALL.match(asked or "")
        name, text = (called[1], called[2].strip()) if called else ("", "")
        context = runtime.context
        if called:
            question = Question.of(state["question"])
            result = await carried_out(tools, name, text, question, context, asked_by=last.author, round=now)
        else:
            help_ = FORMAT.format(tools=", ".join(tool.name for tool in tools))
            result = observation("tools", help_, context, round=now, data={"failed": True, "asked_by": last.author})
        key = f"{name.casefold()}[{text}]"
        again = bool(called) and key in state.get("actions", [])
        result = result.model_copy(update={"data": {**result.data, "repeated": again}})
        links = [Link(source=result.id, target=last.id, kind="uses")]
        context.say(result, links=links)
        short = result.text if len(result.text) <= LONGEST else f"{result.text[:LONGEST]} [...]"
        shown = words(result.model_copy(update={"text": short}))
        update = Update(thoughts=[result], links=links)
        actions = [*state.get("actions", []), key]
        return {**update, "trail": [*state["trail"], f"Observation: {shown}"], "actions": actions}

    async def conclude(state: Trail) -> Output:
        done = state["ended"] == "answered"
        answer = own_answer(state["last"] if done else None, Question.of(state["question"]))
        report = {"ended": state["ended"] or "steps", "steps": state["round"]}
        return {"answer": answer.model_copy(update={"data": report})}

    graph = new_graph(act, observe, conclude)

    def after(state: Trail) -> str:
        return "conclude" if state["ended"] or state["round"] >= steps else "observe"

    graph.add_edge(START, "act")
    graph.add_conditional_edges("act", after, ["observe", "conclude"])
    graph.add_edge("observe", "act")
    graph.add_edge("conclude", END)
    return graph


def _own_words(text: str) -> str:
    """What an actor said before the observation that it may have made up."""
    made_up = _OBSERVATION.search(text)
    kept = text[: made_up.start()] if made_up else text
    return re.sub(r"^thought\s*\d*\s*:\s*", "", kept.strip(), flags=re.IGNORECASE)


def action_of(thought: Thought) -> str | None:
    """The first action that an actor asks for, as written; None if it asks for none."""
    written = _ACTION.search(_own_words(thought.text))
    if written:
        later = _LATER.search(written[1])
        text = written[1][: later.start()] if later else written[1]
    else:
        text = str(thought.data.get("action") or "")
    said = text.strip().strip("<>")
    return None if said.casefold().strip(" .") in ("", "none") else said
