"""Speaking: agents as they are told what to say by a pattern, and what they then said."""

from collections.abc import Sequence
from dataclasses import replace

from disputatio.agents.agent import Agent
from disputatio.agents.speech import OVERFLOW
from disputatio.question import Question
from disputatio.state import Update
from disputatio.thought import Link, LinkKind, Thought


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
