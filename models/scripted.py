"""A model whose replies are a function of the prompt: for tests, examples and documentation."""

from collections.abc import Callable
from dataclasses import dataclass, field

from disputatio.budget import Usage
from disputatio.errors import UnsupportedError
from disputatio.model import Profile, Reply, Request


@dataclass
class ScriptedModel:
    """Replies with `reply(prompt)`, where the prompt is the text of all messages, and remembers each request.

    It is a function and not a list of replies because agents that speak at once ask in any order. Tokens are words.
    What it writes is text, so it refuses requests that offer tools, and agents choose theirs by a form.
    """

    reply: Callable[[str], str]
    name: str = "scripted"
    profile: Profile = field(default_factory=Profile)
    requests: list[Request] = field(default_factory=list)

    @property
    def prompts(self) -> list[str]:
        """The text of each request, in the order in which they came."""
        return [_prompt(request) for request in self.requests]

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        """Answer one request; see `Model.complete`."""
        if request.tools:
            raise UnsupportedError(f"{self.name} writes text and calls no tools", feature="tools")
        self.requests.append(request)
        prompt = _prompt(request)
        words = self.reply(prompt).split(" ")
        kept = words[: request.max_tokens]
        if on_text:
            for number, word in enumerate(kept):
                on_text(f" {word}" if number else word)
        usage = Usage(calls=1, prompt_tokens=len(prompt.split()), completion_tokens=len(kept))
        return Reply(text=" ".join(kept), usage=usage, finish_reason="stop" if len(kept) == len(words) else "length")


def _prompt(request: Request) -> str:
    return "\n\n".join(message["content"] for message in request.messages)
