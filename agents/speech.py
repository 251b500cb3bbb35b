"""Speech: one turn of an agent at its model: ask, read the form, and extract it in a second step where needed."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from math import inf, isfinite
from typing import Any

from disputatio.agents.forms import Form, lines_of, read, schema_of
from disputatio.budget import Usage
from disputatio.context import Context, Retried, Spoken, Started
from disputatio.errors import BudgetExceededError, ModelError, ModelUnavailableError, UnsupportedError
from disputatio.ledger import Ledger, Sequel, Spender
from disputatio.model import Message, Model, Request, ToolCall, ToolSpec, alternatives
from disputatio.models.counting import most_tokens
from disputatio.models.gateway import call
from disputatio.models.load import load_model
from disputatio.question import Question
from disputatio.thought import Thought

LINES = """\
{prompt}

End with these lines:
{fields}"""
EXTRACT = """\
Now give only what you concluded, as a JSON object with these fields:
{fields}"""
LONGEST_FIELD = 200
"""Characters of one field that is extracted."""
FIELD_TOKENS = 60
"""Tokens that are set aside for one of them before a model is asked whose reply has to be extracted."""
NOISE = ("confidence",)
"""Fields that are not extracted: a model that needs a second step says 0 or 100, whatever it wrote."""
OVERFLOW = "(The prompt is longer than the model can read.)"
"""What stands in the record instead of the words of an agent whose prompt does not fit its model's context window."""


@dataclass(frozen=True, kw_only=True)
class Speech:
    """What one turn gave."""

    text: str
    form: Form | None = None
    usage: Usage = field(default_factory=Usage)
    model: str = ""
    cut: bool = False
    calls: tuple[ToolCall, ...] = ()
    """Tools that the model wants called instead of speaking."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """Who speaks, on which question, with which settings."""

    author: str
    role: str
    round: int
    question: Question
    context: Context
    model: str | Model | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    thinking: bool | None = None
    seen: tuple[str, ...] = ()
    """Ids of the thoughts that the speaker sees."""

    async def ask(
        self,
        messages: Sequence[Message],
        form: type[Form] | None,
        *,
        prose: bool = True,
        direct: bool = False,
        tools: Sequence[ToolSpec] = (),
    ) -> Speech | None:
        """Ask the model once, and once more if its reply has to be extracted; if it cannot be reached, ask the next.

        Args:
            messages: The prompt.
            form: The fields the reply must give, if any.
            prose: Whether the reply is prose that ends in the form's lines; if not, a model that can is held to JSON,
                unless it is offered tools.
            direct: Where it is no prose: whether a weak model, which else writes freely first, is held to JSON as well.
            tools: Tools that the model may call instead of speaking.

        Returns:
            What was said; None if the budget did not allow it. An unreadable form is None.

        Raises:
            UnsupportedError: If it is offered tools and cannot call them by itself; nothing was spent.
            ModelError: If the model cannot be reached or refuses.
        """
        *before, last = models_for(self)
        for model in before:
            try:
                return await self._ask(model, messages, form, prose, direct, tools)
            except ModelError as error:
                if not (isinstance(error, ModelUnavailableError) or error.fault == "quota"):
                    raise
                self._emit(Retried(self.author, error.fault, 0.0))
        return await self._ask(last, messages, form, prose, direct, tools)

    async def _ask(
        self,
        model: Model,
        messages: Sequence[Message],
        form: type[Form] | None,
        prose: bool,
        direct: bool,
        tools: Sequence[ToolSpec],
    ) -> Speech | None:
        structure = model.profile.structure
        if tools and not (structure == "native" and "tools" in model.profile.features):
            raise UnsupportedError(f"{model.name} does not call tools by itself", feature="tools")
        self._emit(Started(self.author, self.role, self.round, model.name))
        if form and structure != "two_step":
            messages = _asking_for(messages, form)
        held = not prose and not tools and (structure == "native" or (direct and structure == "two_step"))
        longest = None if structure == "native" else LONGEST_FIELD
        schema = schema_of(form, longest=longest) if form and held else None
        sequel = _extraction(form) if form and structure == "two_step" and not held else None
        try:
            speech = await self._first(model, messages, schema, tools, sequel)
            if form is None or speech.calls:
                return speech
            value = self._readable(read(speech.text, form))
            if value is None and not held and structure != "native" and speech.text.strip():
                value, speech = await self._extract(model, messages, speech, form, sequel)
            return _filled(speech, value, prose=prose)
        except BudgetExceededError as stop:
            return Speech(text=stop.partial, model=model.name, cut=True) if stop.partial else None
        finally:
            if sequel:
                self._ledger.drop(sequel)

    async def _first(
        self,
        model: Model,
        messages: Sequence[Message],
        schema: dict[str, Any] | None,
        tools: Sequence[ToolSpec],
        sequel: Sequel | None,
    ) -> Speech:
        try:
            return await self._call(model, messages, schema, tools, sequel=sequel)
        except UnsupportedError as error:
            if error.feature != "schema":
                raise
            return await self._call(model, messages, None)  # the prompt asks for the form in words, too

    async def _extract(
        self, model: Model, messages: Sequence[Message], speech: Speech, form: type[Form], sequel: Sequel | None
    ) -> tuple[Form | None, Speech]:
        asked = _asking_to_extract(form)
        again = [*messages, Message(role="assistant", content=speech.text), Message(role="user", content=asked)]
        constrained = model.profile.structure == "two_step"
        schema = schema_of(form, longest=LONGEST_FIELD, without=NOISE) if constrained else None
        try:
            extract = await self._call(model, again, schema, quiet=True, aside=sequel)
        except BudgetExceededError:
            return None, speech
        return self._readable(read(extract.text, form)), replace(speech, usage=speech.usage + extract.usage)

    async def _call(
        self,
        model: Model,
        messages: Sequence[Message],
        schema: dict[str, Any] | None,
        tools: Sequence[ToolSpec] = (),
        *,
        quiet: bool = False,
        sequel: Sequel | None = None,
        aside: Sequel | None = None,
    ) -> Speech:
        context = self.context
        request = Request(
            messages=messages,
            max_tokens=self.max_tokens or model.profile.max_tokens,
            temperature=context.temperature if self.temperature is None else self.temperature,
            seed=self._seed(len(messages)),
            schema=schema,
            tools=tuple(tools),
            thinking=None if quiet else self.thinking,
        )
        spender = Spender(self.author, self.role, self.round, model.name)
        listens = context.on_event is not None and not quiet
        hear = (lambda piece: self._emit(Spoken(self.author, piece))) if listens else None
        reply = await call(
            model,
            request,
            ledger=self._ledger,
            spender=spender,
            on_text=hear,
            on_retry=self._emit,
            gate=context.gate,
            journal=context.journal,
            scope=context.scope,
            tracer=context.tracer,
            sequel=sequel,
            aside=aside,
        )
        cut = reply.finish_reason == "length"
        text = _whole_sentences(reply.text) if cut and schema is None else reply.text or reply.refusal
        return Speech(text=text, usage=reply.usage, model=model.name, cut=cut, calls=reply.tool_calls)

    @property
    def _ledger(self) -> Ledger:
        return self.context.ledger_of(self.author, self.role)

    def _readable(self, form: Form | None) -> Form | None:
        """The form, unless its answer is none that the question admits."""
        answer = getattr(form, "answer", None)
        return None if isinstance(answer, str) and self.question.canonical(answer) is None else form

    def _seed(self, step: int) -> int | None:
        """A seed of its own for each call of a run, so that samples differ and runs repeat."""
        if self.context.seed is None:
            return None
        call_of = f"{self.context.seed}/{self.author}/{self.round}/{step}"
        return int.from_bytes(blake2b(call_of.encode(), digest_size=4).digest()) >> 1

    def _emit(self, event: Started | Spoken | Retried) -> None:
        if self.context.on_event:
            self.context.on_event(event)


def _asking_for(messages: Sequence[Message], form: type[Form]) -> list[Message]:
    """The messages with the form's lines asked for at the end of what was last asked; tools may have answered since."""
    place = next((n for n in range(len(messages) - 1, -1, -1) if messages[n]["role"] == "user"), len(messages) - 1)
    last = messages[place]
    asked = Message(role=last["role"], content=LINES.format(prompt=last["content"], fields=lines_of(form)))
    return [*messages[:place], asked, *messages[place + 1 :]]


def _asking_to_extract(form: type[Form]) -> str:
    return EXTRACT.format(fields=lines_of(form, without=NOISE))


def _extraction(form: type[Form]) -> Sequel:
    """What the call that extracts a form adds to the one before it."""
    fields = len(set(form.model_fields) - set(NOISE))
    return Sequel(most_tokens([_asking_to_extract(form)]), FIELD_TOKENS * fields)


def _filled(speech: Speech, form: Form | None, *, prose: bool) -> Speech:
    """The speech with its form, which also replaces the words of one that need not be prose."""
    return replace(speech, form=form, text=str(form) if form and not prose else speech.text)


def _whole_sentences(text: str) -> str:
    """A reply that was cut off, without the sentence in which it was."""
    end = max(text.rfind(mark) for mark in (". ", "! ", "? ", ".\n"))
    return text[: end + 1] if end > 0 else text


def model_for(turn: Turn) -> Model:
    """The model that is asked first; see `models_for`."""
    return models_for(turn)[0]


def is_weak(turn: Turn) -> bool:
    """Whether the model that is asked first has to be shown by examples what others are told."""
    return model_for(turn).profile.structure == "two_step"


def models_for(turn: Turn) -> list[Model]:
    """Who speaks, then the stand-ins: the agent's own model, else the run's for its name, its role, or the default.

    Raises:
        ConfigurationError: If a model's name is wrong.
    """
    models = turn.context.models
    chosen = turn.model or models.get(turn.author) or models.get(turn.role) or models.get("default", "local")
    return load_into(turn.context, chosen)


def load_into(context: Context, model: str | Model) -> list[Model]:
    """The models that a string names, each loaded once a run, for so many calls at a time as the run makes at most.

    A model is taken as it is.
    """
    if not isinstance(model, str):
        return [load_model(model)]
    names = alternatives(model)
    for name in names:
        if name not in context.loaded:
            most = context.gate.most if context.gate else inf
            context.loaded[name] = load_model(name, at_once=int(most) if isfinite(most) else 1)
    return [context.loaded[name] for name in names]


def load_all(context: Context) -> None:
    """Load the run's models now, rather than when they are first asked.

    Raises:
        ConfigurationError: If the name of one is wrong.
        StoreError: If the embedded model cannot be fetched.
    """
    for model in context.models.values():
        load_into(context, model)


def overflowed(error: ModelError, context: Context, *, author: str, role: str, round_: int) -> Thought:
    """Record that an agent abstains because its prompt does not fit its model.

    Raises:
        ModelError: If that is not what went wrong.
    """
    if error.fault != "context_too_long":
        raise error
    thought = Thought(
        id=context.identify(author, round_, OVERFLOW),
        author=author,
        role=role,
        kind="observation",
        text=OVERFLOW,
        round=round_,
        scope=context.scope,
        data={"error": str(error)},
        cut=True,
    )
    context.say(thought)
    return thought
