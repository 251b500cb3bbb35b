"""Act and observe: one agent thinks, calls a tool, reads what came of it, and so on until it answers.

START -> act -+-> observe -> act
              +-> conclude -> END
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from langgraph.graph import END, START
from langgraph.runtime import Runtime
from pydantic import Field

from disputatio.agents.agent import Agent
from disputatio.agents.proposer import Unfinished, unfinished
from disputatio.agents.speech import Turn, is_weak
from disputatio.agents.tool_step import observation, shown_tools
from disputatio.agents.tool_step import observe as carried_out
from disputatio.agents.worked_examples import courses
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs.conclude import own_answer, reported
from disputatio.graphs.speaking import last_of, silence, told
from disputatio.graphs.wiring import Graph, new_graph
from disputatio.memory.transcript import words
from disputatio.model import Message
from disputatio.question import Question
from disputatio.state import Output, State
from disputatio.strategies import strategy
from disputatio.thought import Answer, Link, Thought
from disputatio.tools.step import at_step
from disputatio.tools.toolbox import Tools

FORMAT = 'error: write one line "Action: tool[input]" to use a tool, or give the answer; there are: {tools}'
Node = Callable[..., Any]
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
    """The state of a loop of turns."""

    given: int
    """How many thoughts there were before."""
    trail: list[str]
    """What was thought, done and observed, in order, as the actor sees it."""
    last: Thought
    ended: str
    """Why the loop is over; empty while it is not."""


class Actions(Trail):
    """The state of `act_observe`."""

    actions: list[str]


async def turn(
    actor: Agent, words: str, state: Trail, runtime: Runtime[Context]
) -> tuple[dict[str, Any], Thought | None]:
    """Let an actor take its next turn.

    Args:
        actor: Who speaks; it sees what was there before the loop, and no other turn.
        words: What it is told of its own turns and of what came of them.
        state: The state of the loop.
        runtime: Of the run.

    Returns:
        What the turn adds to the state, and what was said; where nothing was, the loop has ended.
    """
    given, now = state.get("given", len(state.get("thoughts", []))), state.get("round", 0) + 1
    seen = [one for one in state.get("thoughts", [])[given:] if one.role == "tool"]
    before = State(question=state["question"], thoughts=state.get("thoughts", [])[:given], round=now)
    said = await told(actor, words, about=seen[-1:], kind="uses")(before, runtime)
    last = last_of(said)
    return {**said, "given": given, "round": now, **({"last": last} if last else {"ended": silence(said)})}, last


def observed(result: Thought, shown: str, state: Trail, context: Context) -> dict[str, Any]:
    """Record what came of the last turn, and show it to the actor in these words."""
    links = [Link(source=result.id, target=state["last"].id, kind="uses")]
    context.say(result, links=links)
    return {"thoughts": [result], "links": links, "trail": [*state["trail"], shown]}


def in_turns(act: Node, observe: Node, conclude: Node, *, most: int) -> Graph:
    """The graph of a loop of at most so many turns: act, observe, act and so on until it has ended, then conclude."""

    def after(state: Trail) -> str:
        return conclude.__name__ if state["ended"] or state["round"] >= most else observe.__name__

    graph = new_graph(act, observe, conclude).add_edge(START, act.__name__).add_edge(observe.__name__, act.__name__)
    graph.add_conditional_edges(act.__name__, after, [observe.__name__, conclude.__name__])
    return graph.add_edge(conclude.__name__, END)


def ending(state: Trail) -> Answer:
    """The answer of the last turn; undecided if the loop did not end by one."""
    return own_answer(state["last"] if state["ended"] == "answered" else None, Question.of(state["question"]))


@strategy(
    source="Disputatio, after Yao et al. 2022, arXiv:2210.03629", calls=lambda actor, tools, steps: steps * actor.turns
)
def act_observe(actor: Agent, tools: Tools, *, steps: int = 7) -> Graph:
    """Let an agent think, call one tool and read what came of it, step by step, until it answers.

    Costs one turn a step. An action that cannot be read costs a step, too: its observation says how to write one. A
    loop that uses up its steps is undecided.

    Args:
        actor: Who acts; its form is `acting`, and it says "Action: tool[input]" or gives an answer. Where its
            instruction says `{tools}`, it is shown the tools.
        tools: What it can call, at least one; those of a toolbox as they are in each step.
        steps: The most steps, the answer's own included; at least 1.

    Raises:
        ConfigurationError: If there are no steps or no tools.
    """
    if steps < 1 or not tools:
        raise ConfigurationError(f"a loop of actions needs at least 1 step and 1 tool, got {steps} and {len(tools)}")

    async def act(state: Actions, runtime: Runtime[Context]) -> dict[str, object]:
        trail = state.get("trail", [])
        shown = await shown_tools(actor, tools, runtime.context, round=state.get("round", 0) + 1)
        worked = await courses([*tools]) if _is_for_a_weak_model(actor, state, runtime.context) else []
        if worked:
            shown = replace(shown, conversation=partial(_conversation, worked, trail))
        update, last = await turn(shown, "" if worked else "\n".join(trail), state, runtime)
        if last is None:
            return update
        ended = "answered" if last.answer is not None and action_of(last) is None else ""
        return {**update, "trail": [*trail, f"Thought: {_own_words(last.text)}"], "ended": ended}

    async def observe(state: Actions, runtime: Runtime[Context]) -> dict[str, object]:
        asked, last, now = action_of(state["last"]), state["last"], state["round"]
        called = _CALL.match(asked or "")
        name, text = (called[1], called[2].strip()) if called else ("", "")
        context = runtime.context
        present = await at_step(tools, context, author=actor.name, round=now, seen=(last.id,))
        if called:
            question = Question.of(state["question"])
            result = await carried_out(present, name, text, question, context, asked_by=last.author, round=now)
        else:
            help_ = FORMAT.format(tools=", ".join(tool.name for tool in present))
            result = observation("tools", help_, context, round=now, data={"failed": True, "asked_by": last.author})
        key = f"{name.casefold()}[{text}]"
        again = bool(called) and key in state.get("actions", [])
        result = result.model_copy(update={"data": {**result.data, "repeated": again}})
        short = result.text if len(result.text) <= LONGEST else f"{result.text[:LONGEST]} [...]"
        shown = f"Observation: {words(result.model_copy(update={'text': short}))}"
        return {**observed(result, shown, state, context), "actions": [*state.get("actions", []), key]}

    async def conclude(state: Actions) -> Output:
        return {"answer": reported(ending(state), {"ended": state["ended"] or "steps", "steps": state["round"]})}

    return in_turns(act, observe, conclude, most=steps)


def _is_for_a_weak_model(actor: Agent, state: Trail, context: Context) -> bool:
    question = Question.of(state["question"])
    return is_weak(
        Turn(author=actor.name, role=actor.role, round=0, question=question, context=context, model=actor.model)
    )


def _conversation(
    worked: Sequence[Message], trail: Sequence[str], actor: Agent, question: Question, seen: Sequence[Thought]
) -> list[Message]:
    """The course so far as turns of a conversation, after worked ones."""
    rules, heard = actor.heard(question, seen)
    told = Message(role="system", content=f"{rules['content']}\n\n{actor.instructed(question, seen)}")
    course = [Message(role="user" if n % 2 else "assistant", content=said) for n, said in enumerate(trail)]
    return [told, *worked, heard, *course]


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
