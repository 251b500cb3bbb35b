"""Agent: a value that is a LangGraph node. It speaks once: it reads what it may see and adds one thought.

    view(state) -> prompt -> model -> thought, links

An agent knows no order and no rounds; a strategy decides when it speaks. One that the budget does not let speak, whose
prompt does not fit its model, or whose reply cannot be read, abstains: it adds what text there is, without an answer.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from langgraph.runtime import Runtime

from disputatio.agents.forms import Form
from disputatio.agents.speech import Speech, Turn, overflowed
from disputatio.agents.tool_use import Consulted, consult
from disputatio.context import Context
from disputatio.errors import ModelError
from disputatio.memory.transcript import View, everything, render, shortened
from disputatio.model import Message, Model
from disputatio.question import Question
from disputatio.state import State, Update
from disputatio.thought import Kind, Link, LinkKind, Thought
from disputatio.tools.tool import Tool
from disputatio.tools.toolbox import Toolbox

RULES = """\
Several people settle a question together. Keep to the question and give reasons for what you say. Write plainly, \
in under 100 words. Do not repeat what was said and do not flatter. Change your mind for a better argument, never \
for a majority."""
"""The system prompt of every agent: the same for all, so that their prompts share a prefix."""

Instruct = Callable[["Agent", Question, Sequence[Thought]], str]
"""Writes the last part of an agent's prompt from the agent, the question and what it sees."""
Relate = Callable[[Thought, Sequence[Thought]], Sequence[Link]]
"""Links a new thought to those that its author saw."""
Converse = Callable[["Agent", Question, Sequence[Thought]], list[Message]]
"""Writes the whole prompt from the agent, the question and what it sees."""
FormOf = Callable[[Question, Sequence[Thought]], type[Form]]
"""Chooses a form by the question and what the agent sees."""


def linking(kind: LinkKind) -> Relate:
    """Link a thought to all that its author saw."""
    return lambda thought, seen: [Link(source=thought.id, target=one.id, kind=kind) for one in seen]


@dataclass(frozen=True, kw_only=True, repr=False)
class Agent:
    """One role with its prompt, its view and the form of its reply. `dataclasses.replace` makes variants."""

    name: str
    """Who speaks, unique in a run: agents know one another by it."""
    role: str
    """What it is for: chooses its model (see `Context.models`) and sorts the cost report."""
    instruction: str | Instruct
    """What to do, placed after the question and the transcript."""
    conversation: Converse | None = None
    """Its whole prompt, where that is a conversation of more than one message."""
    kind: Kind | Callable[[Sequence[Thought]], Kind] = "claim"
    """Of what kind its thoughts are, if need be by what it sees."""
    form: type[Form] | FormOf | None = None
    """The fields that its reply must give; those named answer, confidence and score become the thought's own."""
    prose: bool = True
    """Whether the reply is prose that ends in the form's lines. If not, models that can give JSON give only that."""
    view: View = everything
    """What it sees of what was said."""
    relate: Relate = lambda thought, seen: ()
    """How its thought is linked to what it saw."""
    model: str | Model | None = None
    """A model of its own; None takes the run's model for its name, its role, or the default."""
    temperature: float | None = None
    """Randomness of its replies, from 0; None takes the run's."""
    max_tokens: int | None = None
    """Its longest reply in tokens; None takes the model's."""
    thinking: bool | None = None
    """Whether its model thinks before it speaks, where it has two modes; None leaves the model as it is."""
    preface: str = ""
    """Put before its words in the record, where they need it to be understood: what a verdict is about."""
    tools: tuple[Tool, ...] | Toolbox = ()
    """Tools that it may use before it speaks."""
    tool_steps: int = 3
    """In how many replies it may call tools, where it has any, before it has to speak."""

    @property
    def turns(self) -> int:
        """The most model replies that one speech takes: the last, and those in which it may call tools."""
        return 1 + (self.tool_steps if self.tools else 0)

    def __repr__(self) -> str:
        return f"Agent(name={self.name!r}, role={self.role!r})"

    async def __call__(self, state: State, runtime: Runtime[Context]) -> Update:
        """Speak once.

        Returns:
            The new thought and its links; nothing if the budget did not allow it to speak.

        Raises:
            ModelError: If the model cannot be reached or refuses.
        """
        context, round_ = runtime.context, state.get("round", 0)
        try:
            if context.tracer is None:
                return await self._speak(state, context, round_)
            with context.tracer.turn(self.name, self.role, round=round_, scope=context.scope):
                return await self._speak(state, context, round_)
        except ModelError as error:
            said = overflowed(error, context, author=self.name, role=self.role, round_=round_)
            return {"thoughts": [said], "links": []}

    async def _speak(self, state: State, context: Context, round_: int) -> Update:
        seen = self.view(state)
        question = Question.of(state["question"])
        turn = Turn(
            author=self.name,
            role=self.role,
            round=round_,
            question=question,
            context=context,
            model=self.model,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            thinking=self.thinking,
            seen=tuple(one.id for one in seen),
        )
        form = self.form if isinstance(self.form, type) or self.form is None else self.form(question, seen)
        consulted = Consulted()
        if self.tools:
            prompt, heard, steps = self.prompt(question, seen), self.heard(question, seen), self.tool_steps
            consulted = await consult(self.tools, turn, prompt, form, heard=heard, prose=self.prose, steps=steps)
        observed, speech = consulted.observed, consulted.speech
        known = [*seen, *observed]
        try:
            if speech is None:
                asked = self._after(consulted.worked, question, known)
                reads = replace(turn, temperature=0.0) if consulted.worked else turn
                speech = await reads.ask(asked, form, prose=self.prose)
        except ModelError as error:
            if error.fault != "context_too_long" or not known:
                raise
            speech = await turn.ask(self.prompt(question, shortened(known)), form, prose=self.prose)
        if speech and consulted.idle.calls:
            speech = replace(speech, usage=speech.usage + consulted.idle)
        said = [self._thought(speech, seen, observed, turn)] if speech else []
        links = [link for thought in said for link in self._links(thought, seen, observed)]
        context.say(*observed, *said, links=links)
        return {"thoughts": [*observed, *said], "links": links}

    def prompt(self, question: Question, seen: Sequence[Thought]) -> list[Message]:
        """What the model is sent: rules, question, transcript, and last what this agent is to do."""
        if self.conversation:
            return self.conversation(self, question, seen)
        return self.heard(question, seen, self.instructed(question, seen))

    def instructed(self, question: Question, seen: Sequence[Thought]) -> str:
        """What this agent is to do."""
        return self.instruction if isinstance(self.instruction, str) else self.instruction(self, question, seen)

    def heard(self, question: Question, seen: Sequence[Thought], *more: str) -> list[Message]:
        """Rules, question, transcript, and nothing of what this agent is to do, unless it is given."""
        user = "\n\n".join(part for part in (str(question), render(seen), *more) if part)
        return [Message(role="system", content=RULES), Message(role="user", content=user)]

    def _after(self, worked: Sequence[Message], question: Question, seen: Sequence[Thought]) -> list[Message]:
        """The prompt; for a weak model that has used a tool, worked examples in the place of what it is to do."""
        if not worked:
            return self.prompt(question, seen)
        rules, *heard = self.heard(question, seen)
        return [rules, *worked, *heard]

    def _thought(self, speech: Speech, seen: Sequence[Thought], observed: Sequence[Thought], turn: Turn) -> Thought:
        origin = (speech.usage.prompt_tokens, speech.usage.completion_tokens, *(one.id for one in (*seen, *observed)))
        text = self.preface + _unlabelled(speech.text, [self.name, *(one.author for one in seen)])
        fields = speech.form.model_dump(mode="json") if speech.form else {}
        return Thought(
            id=turn.context.identify(self.name, turn.round, text, *origin),
            author=self.name,
            role=self.role,
            kind=self.kind if isinstance(self.kind, str) else self.kind(seen),
            text=text,
            answer=fields.get("answer"),
            score=_share(fields.get("score")),
            confidence=_share(fields.get("confidence")),
            round=turn.round,
            scope=turn.context.scope,
            data=fields,
            usage=speech.usage,
            model=speech.model,
            cut=speech.cut,
        )

    def _links(self, thought: Thought, seen: Sequence[Thought], observed: Sequence[Thought]) -> list[Link]:
        uses = [Link(source=thought.id, target=one.id, kind="uses") for one in observed]
        return [*uses, *self.relate(thought, seen)]


def _unlabelled(text: str, names: Sequence[str]) -> str:
    """A reply without the labels in front of it, which models copy from the transcript."""
    if not text.lstrip().startswith("["):
        return text
    label = "|".join(re.escape(name) for name in dict.fromkeys(names))
    return re.sub(rf"^(?:\s*\[(?:{label})\])+\s*", "", text)


def _share(percent: object) -> float | None:
    """A percentage as a number from 0 to 1; None if it is none."""
    return percent / 100 if isinstance(percent, int | float) and 0 <= percent <= 100 else None
