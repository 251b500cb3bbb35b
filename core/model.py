"""The protocol that every model backend meets: one request in, one reply out."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NotRequired, Protocol

from typing_extensions import TypedDict

from disputatio.budget import Usage

Structure = Literal["native", "two_step", "prompted"]
Feature = Literal["schema", "tools", "logprobs", "n", "seed", "stop", "thinking"]
"""What a request may ask for that not every backend gives."""
FEATURES: frozenset[Feature] = frozenset(("schema", "tools", "logprobs", "n", "seed", "stop", "thinking"))


@dataclass(frozen=True, kw_only=True)
class ToolSpec:
    """A tool as a model is told of it."""

    name: str
    description: str
    parameters: dict[str, Any]
    """JSON schema of its arguments: an object."""


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """A tool that a model wants called; `arguments` is JSON as the model wrote it, checked by nobody yet."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, kw_only=True)
class TokenLogprob:
    """One generated token with the natural logarithm of its probability, and those of its best alternatives."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


class Message(TypedDict):
    """One chat message; `role` is system, user, assistant, or tool for the result of a call."""

    role: str
    content: str
    tool_calls: NotRequired[Sequence[ToolCall]]
    """Calls that the assistant made in this message."""
    tool_call_id: NotRequired[str]
    """Which call a tool's message answers."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What a model is good at."""

    structure: Structure = "native"
    """How it gives structured replies. `native`: constrained to the JSON schema in one call. `two_step`: free text
    first, then a second, schema-constrained call that extracts the fields; for weak models, which answer nonsense
    when they are held to JSON from their first token. `prompted`: asked for JSON, and asked once more if it fails."""
    max_tokens: int = 1024
    """Longest reply, in tokens, for agents that set no limit of their own."""
    context: int | None = None
    """Size of the context window in tokens, where it is known."""
    features: frozenset[Feature] = FEATURES
    """What requests may ask for."""

    @property
    def calls_per_turn(self) -> int:
        """The most calls that one turn of an agent costs."""
        return 1 if self.structure == "native" else 2


@dataclass(frozen=True, kw_only=True)
class Request:
    """One call of a model."""

    messages: Sequence[Message]
    max_tokens: int
    temperature: float | None = None
    """Randomness of the reply, from 0; None is the backend's default."""
    seed: int | None = None
    schema: dict[str, Any] | None = None
    """JSON schema that the reply must meet."""
    stop: tuple[str, ...] = ()
    """Texts at which the reply ends, before them."""
    n: int = 1
    """How many replies are sampled from one prompt."""
    logprobs: int | None = None
    """How many alternatives to each token are reported with their log-probabilities; None reports none at all."""
    tools: tuple[ToolSpec, ...] = ()
    """Tools that the model may call instead of speaking."""
    tool_choice: str = "auto"
    """auto, none, required, or the name of the one tool that must be called."""
    thinking: bool | None = None
    """Whether the model thinks before it speaks, if it has two modes; None leaves it as it is."""

    @property
    def needs(self) -> frozenset[Feature]:
        """What a backend must be capable of to answer this; a seed is a wish."""
        asked: dict[Feature, bool] = {
            "schema": self.schema is not None,
            "tools": bool(self.tools),
            "logprobs": self.logprobs is not None,
            "n": self.n > 1,
            "stop": bool(self.stop),
            "thinking": self.thinking is not None,
        }
        return frozenset(feature for feature, wanted in asked.items() if wanted)

    @property
    def texts(self) -> list[str]:
        """All text that the prompt is made of: the messages, the calls in them, and the tools."""
        called = (call for message in self.messages for call in message.get("tool_calls", ()))
        return [
            *(message["content"] for message in self.messages),
            *(f"{call.id} {call.name} {call.arguments}" for call in called),
            *(f"{tool.name} {tool.description} {json.dumps(tool.parameters)}" for tool in self.tools),
        ]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a model said, and what it cost."""

    text: str
    usage: Usage = field(default_factory=lambda: Usage(calls=1))
    finish_reason: str = "stop"
    """`stop` if the model ended by itself, `length` if the reply was cut at its token limit, `tool_calls` if it wants
    tools called, `content_filter` if the server withheld it."""
    others: tuple[str, ...] = ()
    """The second reply and all further ones, where the request asked for several."""
    reasoning: str = ""
    """What the model thought before it spoke, where the server reports it; no part of the reply."""
    refusal: str = ""
    """Why the model declined, where it says so apart from its text."""
    logprobs: tuple[TokenLogprob, ...] = ()
    """The tokens of `text`, where the request asked for them."""
    tool_calls: tuple[ToolCall, ...] = ()


class Model(Protocol):
    """A model backend. `name` is the string that `load_model` makes it from."""

    @property
    def name(self) -> str:
        """Provider and model, for example "openai:gpt-5-mini"; never a key."""
        ...

    @property
    def profile(self) -> Profile:
        """What the model is good at."""
        ...

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        """Answer one request.

        Args:
            request: The messages and the settings.
            on_text: Called with each piece of the reply as it is generated; None asks for no streaming.

        Raises:
            ModelUnavailableError: If trying again may help.
            ModelError: If it would not.
        """
        ...


def alternatives(models: str) -> list[str]:
    """The models that one string names, in the order in which they are asked."""
    return [name.strip() for name in models.split(" | ")]
