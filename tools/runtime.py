"""ToolRuntime: what a tool may know of the run that calls it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from disputatio.budget import Budget
from disputatio.context import Context, Spoken
from disputatio.question import Question
from disputatio.thought import Thought


@dataclass(frozen=True, kw_only=True)
class ToolRuntime:
    """The run as a tool sees it. A function gets it by a parameter of this type, which the model does not see."""

    question: Question
    """What the run is about."""
    author: str
    """The agent on whose behalf the tool is called."""
    context: Context = field(repr=False)
    """The resources of the run."""
    role: str = ""
    """What that agent is for."""
    round: int = 0
    seen: tuple[str, ...] = ()
    """Ids of the thoughts that the agent sees: they tell its calls from those of the same agent elsewhere."""

    call: str = ""
    """Stands for this very call, also when it is made again after the run was interrupted: an idempotency key for what
    the tool asks of others. Empty where the run is not recorded."""

    @property
    def memory(self) -> Sequence[Thought]:
        """All that was said in the run so far."""
        return tuple(self.context.thoughts)

    @property
    def budget(self) -> Budget | None:
        """What the run may still spend, None in it where there is no limit; None if nothing is left."""
        ledger = self.context.ledger_of(self.author, self.role)
        limits, spent = ledger.budget, ledger.total
        left = {
            "calls": limits.calls and limits.calls - spent.calls,
            "tokens": limits.tokens and limits.tokens - spent.tokens,
            "prompt_tokens": limits.prompt_tokens and limits.prompt_tokens - spent.prompt_tokens,
            "completion_tokens": limits.completion_tokens and limits.completion_tokens - spent.completion_tokens,
            "cost": limits.cost and limits.cost - spent.cost,
            "seconds": ledger.seconds_left,
        }
        over = ledger.stopped or any(value is not None and value <= 0 for value in left.values())
        return None if over else Budget.model_validate(left)

    def emit(self, text: str) -> None:
        """Show a piece of progress to whoever listens to the run; it is no part of the result."""
        if self.context.on_event:
            self.context.on_event(Spoken(self.author, text))
