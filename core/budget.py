"""Usage, Price and Budget: what a run has spent, what tokens cost, and what it may spend."""

from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field


class Usage(BaseModel):
    """What was spent, as the backend reported it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    calls: int = Field(default=0, ge=0)
    prompt_tokens: int = Field(default=0, ge=0)
    completion_tokens: int = Field(default=0, ge=0)
    cached_tokens: int = Field(default=0, ge=0)
    """How many of the prompt tokens the server found in its cache."""
    hits: int = Field(default=0, ge=0)
    """Calls that a response cache answered: nothing was paid for them, and they are not among `calls`."""
    estimated: bool = False
    """Whether some of it is an estimate, because a server did not report it."""
    cost: float = Field(default=0.0, ge=0)
    """What the calls with a known price cost, in the currency of the price table."""
    unpriced: int = Field(default=0, ge=0)
    """How many of the calls have no known price, and are not in `cost`."""

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: "Usage") -> "Usage":
        if self is NOTHING or other is NOTHING:
            return other if self is NOTHING else self
        # A copy is the fastest way to a new one: sums of valid numbers need no validation.
        return self.model_copy(
            update={
                "calls": self.calls + other.calls,
                "prompt_tokens": self.prompt_tokens + other.prompt_tokens,
                "completion_tokens": self.completion_tokens + other.completion_tokens,
                "cached_tokens": self.cached_tokens + other.cached_tokens,
                "hits": self.hits + other.hits,
                "estimated": self.estimated or other.estimated,
                "cost": self.cost + other.cost,
                "unpriced": self.unpriced + other.unpriced,
            }
        )

    def __sub__(self, other: "Usage") -> "Usage":
        if other is NOTHING or other is self:
            return NOTHING if other is self else self
        return self.model_copy(
            update={
                "calls": self.calls - other.calls,
                "prompt_tokens": self.prompt_tokens - other.prompt_tokens,
                "completion_tokens": self.completion_tokens - other.completion_tokens,
                "cached_tokens": self.cached_tokens - other.cached_tokens,
                "hits": self.hits - other.hits,
                "cost": max(self.cost - other.cost, 0.0) if self.calls > other.calls else 0.0,
                "unpriced": self.unpriced - other.unpriced,
            }
        )


class Price(NamedTuple):
    """What tokens of a model cost, each."""

    prompt: float = 0.0
    completion: float = 0.0
    cached: float | None = None
    """A prompt token that the server found in its cache; None if it costs as much as any other."""

    def of(self, usage: Usage) -> float:
        """What was spent, in money."""
        cached = self.prompt if self.cached is None else self.cached
        new = usage.prompt_tokens - usage.cached_tokens
        return new * self.prompt + usage.cached_tokens * cached + usage.completion_tokens * self.completion


class Budget(BaseModel):
    """What a run, or a part of one, may spend; None is no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    calls: int | None = Field(default=None, ge=1)
    tokens: int | None = Field(default=None, ge=1)
    """Prompt and completion tokens together."""
    prompt_tokens: int | None = Field(default=None, ge=1)
    completion_tokens: int | None = Field(default=None, ge=1)
    cost: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Money, in the currency of the price table; models without a known price cannot be asked then."""
    seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Wall time from the start of the run; a reply that is being written when it is over is cut off."""

    @property
    def counts_prompts(self) -> bool:
        """Whether the length of a prompt decides if it can be paid for."""
        return self.tokens is not None or self.prompt_tokens is not None or self.cost is not None


NOTHING = Usage()
