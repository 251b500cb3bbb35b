"""Speaking: agents as they are told what to say by a pattern, and prompts that have grown too long."""

from collections.abc import Sequence
from dataclasses import replace

from langgraph.runtime import Runtime

from disputatio.agents.agent import Agent
from disputatio.agents.likelihood import Likelihood
from disputatio.context import Context
from disputatio.errors import ModelError
from disputatio.question import Question
from disputatio.state import State, Update
from disputatio.thought import Link, LinkKind, Thought

OVERFLOW = "(The prompt is longer than the model can read.)"


async def spoken(agent: Agent | Likelihood, state: State, runtime: Runtime[Context]) -> Update:
    """Let an agent speak. One whose prompt does not fit the model's context window abstains, and the record says so.

    Raises:
        ModelError: If the model fails for another reason.
    """
    try:
        return await agent(state, runtime)
    except ModelError as error:
        if error.fault != "context_too_long":
            raise
        context, now = runtime.context, state.get("round", 0)
        thought = Thought(
            id=context.identify(agent.name, now, OVERFLOW),
            author=agent.name,
            role=agent.role,
            kind="observation",
            text=OVERFLOW,
            round=now,
            scope=context.scope,
            cut=True,
        )
        context.say(thought)
        return {"thoughts": [thought]}


def told(
    agent: Agent, words: str, *, name: str = "", about: Sequence[Thought] = (), kind: LinkKind = "refines"
) -> Agent:
    """The same agent, told something just before its own instruction.

    Args:
        agent: The agent.
        words: What it is told; nothing if empty.
        name: Its name where it speaks several times at once.
        about: The thoughts that what it says is linked to.
        kind: The kind of these links.
    """
    own = agent.instruction

    def instruct(speaker: Agent, question: Question, seen: Sequence[Thought]) -> str:
        asked = own if isinstance(own, str) else own(speaker, question, seen)
        return f"{words}\n\n{asked}" if words else asked

    def relate(thought: Thought, seen: Sequence[Thought]) -> list[Link]:
        return [Link(source=thought.id, target=one.id, kind=kind) for one in about]

    return replace(agent, name=name or agent.name, instruction=instruct, relate=relate)


def silence(update: Update) -> str:
    """Why an agent said nothing that can be used: its prompt was too long, or there was no reply."""
    return "too long" if update.get("thoughts") else "no reply"


def last_of(update: Update) -> Thought | None:
    """What an agent said in its turn, after the tools it used; None if it could not speak or abstained."""
    said = [thought for thought in update.get("thoughts", []) if thought.role != "tool" and thought.text != OVERFLOW]
    return said[-1] if said else None
