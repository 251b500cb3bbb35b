"""Score: what one answer is worth."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Score(BaseModel):
    """What an answer is worth, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float | None = Field(default=None, ge=0, le=1)
    """1 is right, 0 is wrong, and some scorers give what lies between; None where the answer was not compared."""
    status: Literal["scored", "abstained", "unscorable"] = "scored"
    """`abstained`: there is no answer that can be read, which is never right. `unscorable`: it cannot be compared on
    this machine or by this scorer, which is neither right nor wrong."""
    reason: str
    """Why, in one line."""

    @model_validator(mode="after")
    def _compared_or_not(self) -> Self:
        if (self.value is None) == (self.status == "scored"):
            raise ValueError("a scored answer has a value, and no other has one")
        return self


def scored(value: float | bool, reason: str) -> Score:
    """An answer that was compared: its value from 0 to 1."""
    return Score(value=float(value), reason=_line(reason))


def abstained(reason: str = "no answer that can be read") -> Score:
    """No answer that can be read."""
    return Score(status="abstained", reason=_line(reason))


def unscorable(reason: str) -> Score:
    """An answer that cannot be compared here."""
    return Score(status="unscorable", reason=_line(reason))


def _line(text: str) -> str:
    words = " ".join(text.encode("utf-8", "replace").decode().split())
    return words if len(words) <= 200 else f"{words[:197]}..."
