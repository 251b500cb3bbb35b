"""Examination: what a model can do, found out by a few tiny calls through the gateway.

Each feature is asked for in a way that shows whether it was heeded: a server that ignores a JSON schema answers the
question in prose, one that ignores a seed says something else the second time.
"""

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from disputatio.budget import Budget, Usage
from disputatio.errors import BudgetExceededError, ModelError
from disputatio.ledger import Ledger, Spender
from disputatio.model import Message, Model, Reply, Request, ToolSpec
from disputatio.models.gateway import call
from disputatio.models.servers import entries
from disputatio.models.transport import Clocks
from disputatio.writing import excerpt

SCHEMA = {
    "type": "object",
    "properties": {"wet": {"type": "boolean"}, "digit": {"type": "integer", "enum": [3, 5, 7]}},
    "required": ["wet", "digit"],
    "additionalProperties": False,
}
TOOL = ToolSpec(
    name="weather",
    description="The weather in a city.",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
)
WINDOWS = ("max_model_len", "context_length", "context_window", "n_ctx", "n_ctx_train")
"""What servers call the size of the context window in their list of models."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was tried."""

    name: str
    works: bool | None
    """None where it could not be found out."""
    note: str = ""
    """What was seen, or what the server said."""


@dataclass(kw_only=True)
class Examination:
    """What was found out about a model."""

    model: str
    findings: list[Finding] = field(default_factory=list)
    first_token_s: float | None = None
    """Seconds from asking to the first piece of a streamed reply."""
    tokens_per_second: float | None = None
    """How fast the rest of that reply was written."""
    usage: Usage = field(default_factory=Usage)
    """What the examination cost."""

    @property
    def replies(self) -> bool:
        """Whether the model gave any reply."""
        return any(one.name == "text reply" and one.works for one in self.findings)


async def examine(model: Model, *, seconds: float = 120.0, on_step: Callable[[str], None] | None = None) -> Examination:
    """Find out what a model can do, by at most ten calls of at most 64 tokens each, a first one of 256.

    Args:
        model: The model.
        seconds: How long it may take; what was not tried by then is said to be so.
        on_step: Called with the name of what is tried next.
    """
    ledger = Ledger(Budget(seconds=seconds))
    examined = Examination(model=model.name)
    steps, unreachable = _Steps(model, ledger, examined), False
    for name, step in steps.all().items():
        if on_step:
            on_step(name)
        try:
            finding = await step()
        except BudgetExceededError:
            finding = Finding(name=name, works=None, note=f"not tried: {seconds:g} s were over")
        except ModelError as error:
            finding = Finding(name=name, works=False, note=str(error))
            unreachable = error.fault == "transport"
        examined.findings.append(replace(finding, name=name))
        if unreachable or (name == "text reply" and not finding.works):
            break
    examined.usage = ledger.total
    return examined


@dataclass
class _Steps:
    """The calls, in their order."""

    model: Model
    ledger: Ledger
    examined: Examination
    first: Reply | None = None
    window: int | None = None

    def all(self) -> dict[str, Callable[[], Awaitable[Finding]]]:
        steps: dict[str, Callable[[], Awaitable[Finding]]] = {
            "reachable": self.reachable,
            "text reply": self.text,
            "streaming": self.streaming,
            "JSON schema": self.schema,
            "tools": self.tools,
            "log-probabilities": self.logprobs,
            "several replies": self.several,
            "seed": self.seed,
            "usage reported": self.usage,
            "context window": self.context,
        }
        if not hasattr(self.model, "base_url"):  # it runs in this process
            del steps["reachable"]
        return steps

    async def ask(self, text: str, *, hear: Callable[[str], None] | None = None, **settings: Any) -> Reply:
        message = Message(role="user", content=text)
        request = Request(messages=[message], **{"max_tokens": 64, **settings})
        spender = Spender("examination", "examination", 0, self.model.name)
        return await call(self.model, request, ledger=self.ledger, spender=spender, on_text=hear)

    async def reachable(self) -> Finding:
        url, key = getattr(self.model, "base_url", ""), getattr(self.model, "api_key", "")
        listed = await entries(url, {"Authorization": f"Bearer {key}"}, Clocks(connect=5, total=10))
        own = [entry for entry in listed if entry["id"] == getattr(self.model, "model", "")] or listed[:1]
        for entry in own:
            meta = entry.get("meta")
            known = {**(meta if isinstance(meta, dict) else {}), **entry}
            self.window = next((known[name] for name in WINDOWS if isinstance(known.get(name), int)), None)
        return _found(True, f"{url} lists {len(listed)} model{'s' * (len(listed) != 1)}")

    async def text(self) -> Finding:
        self.first = await self.ask("Reply with one word: is water wet?", max_tokens=256)
        said = self.first.text or self.first.refusal
        if said.strip():
            return _found(True, repr(excerpt(said, 60)))
        thought = "; it only thought" if self.first.reasoning else ""
        return _found(False, f"the reply was empty ({self.first.finish_reason}){thought}")

    async def streaming(self) -> Finding:
        heard: list[float] = []
        began = time.monotonic()
        reply = await self.ask("Tell me about the sea.", hear=lambda _: heard.append(time.monotonic()))
        if heard:
            self.examined.first_token_s = heard[0] - began
        seconds = time.monotonic() - heard[0] if heard else 0.0
        if len(heard) > 1 and seconds > 0 and reply.usage.completion_tokens > 1:
            self.examined.tokens_per_second = (reply.usage.completion_tokens - 1) / seconds
        return _found(len(heard) > 1, f"{len(heard)} pieces" if len(heard) > 1 else "the reply came in one piece")

    async def schema(self) -> Finding:
        reply = await self.ask("Is water wet, and which digit do you like?", schema=SCHEMA)
        try:
            value = json.loads(reply.text)
            kept = set(value) == {"wet", "digit"} and isinstance(value["wet"], bool) and value["digit"] in (3, 5, 7)
        except (ValueError, TypeError):
            kept = False
        return _found(kept, "kept" if kept else f"not kept: {excerpt(reply.text, 60)!r}")

    async def tools(self) -> Finding:
        reply = await self.ask("What is the weather in Paris?", tools=(TOOL,), tool_choice="required")
        for made in reply.tool_calls:
            try:
                fits = isinstance(json.loads(made.arguments).get("city"), str)
            except (ValueError, AttributeError):
                fits = False
            fits = fits and made.name == TOOL.name
            return _found(fits, f"{made.name}({excerpt(made.arguments, 60)})")
        return _found(False, f"no call, but {excerpt(reply.text, 60)!r}")

    async def logprobs(self) -> Finding:
        reply = await self.ask("Is water wet?", logprobs=2, max_tokens=8)
        listed = reply.logprobs
        works = bool(listed) and all(one.logprob <= 1e-6 for one in listed)
        least = min((len(one.top) for one in listed), default=0)
        return _found(works, f"{len(listed)} tokens, {least} alternatives each" if works else "none were sent")

    async def several(self) -> Finding:
        reply = await self.ask("Name a colour.", n=2, max_tokens=8)
        number = 1 + len(reply.others)
        return _found(number == 2, f"2 were asked for, {number} came")

    async def seed(self) -> Finding:
        async def named(seed: int) -> str:
            return (await self.ask("Invent a name for a ship.", seed=seed, temperature=1.0, max_tokens=24)).text

        one, again, other = [await named(seed) for seed in (7, 7, 8)]
        also = "; another seed gave the same, too" if one == other else ""
        return _found(one == again, f"the same text twice{also}" if one == again else "two texts from one seed")

    async def usage(self) -> Finding:
        assert self.first is not None
        spent = self.first.usage
        read = f"{spent.prompt_tokens} tokens read, {spent.completion_tokens} written"
        return _found(not spent.estimated, "estimated from the length of texts" if spent.estimated else read)

    async def context(self) -> Finding:
        size = self.window or self.model.profile.context
        return _found(True if size else None, f"{size:,} tokens" if size else "not said")


def _found(works: bool | None, note: str) -> Finding:
    return Finding(name="", works=works, note=note)
