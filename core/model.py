"""The protocol that every model backend meets: one request in, one reply out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from typing_extensions import TypedDict

from disputatio.budget import Usage

Structure = Literal["native", "two_step", "prompted"]


class Message(TypedDict):
    """One chat message; `role` is system, user or assistant."""

    role: str
    content: str


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


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a model said, and what it cost."""

    text: str
    usage: Usage = field(default_factory=lambda: Usage(calls=1))
    finish_reason: str = "stop"
    """`stop` if the model ended by itself, `length` if the reply was cut at its token limit."""


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
