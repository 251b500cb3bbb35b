"""OpenAI's own models through its Responses API, by the `openai` package.

They think before they speak, and only this interface reports a summary of their thoughts and takes all their
settings. Other servers are spoken to through chat completions, which all of them know.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from disputatio.budget import Usage
from disputatio.errors import ModelUnavailableError
from disputatio.gate import Gate, gate_of
from disputatio.model import FEATURES, Profile, Reply, Request, TokenLogprob, ToolCall
from disputatio.models.chat import bad, dumped, estimated, text_of
from disputatio.models.loop_end import at_loop_end
from disputatio.models.refusals import refusal
from disputatio.models.transport import Clocks, Received

if TYPE_CHECKING:
    from openai import AsyncOpenAI

ENDS = ("response.completed", "response.incomplete", "response.failed", "error")


@dataclass(kw_only=True, eq=False)
class OpenAIResponses:
    """A model of OpenAI."""

    name: str
    model: str
    api_key: str = field(repr=False)
    base_url: str = "https://api.openai.com/v1"
    profile: Profile = field(
        default_factory=lambda: Profile(max_tokens=4096, features=FEATURES - {"n", "seed", "stop"})
    )
    clocks: Clocks = field(default_factory=Clocks)
    gate: Gate | None = None
    _clients: "WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncOpenAI]" = field(
        default_factory=WeakKeyDictionary, repr=False
    )

    def __post_init__(self) -> None:
        self.gate = self.gate or gate_of(f"{self.base_url} {self.model}", start=20)

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        """Answer one request; see `Model.complete`."""
        import openai

        assert self.gate
        try:
            async with self.gate, asyncio.timeout(self.clocks.total):
                reply = await self._reply(request, on_text or (lambda piece: None))
        except openai.APIStatusError as error:
            received = Received(error.status_code, error.response.headers, error.response.content)
            raise refusal(self.name, received, key_variable="OPENAI_API_KEY") from error
        except (openai.APITimeoutError, TimeoutError) as error:
            raise ModelUnavailableError(f"{self.name} took too long to answer", fault="timeout") from error
        except openai.APIConnectionError as error:
            message = f"cannot reach {self.base_url}: is there a network? ({error.__cause__ or error})"
            raise ModelUnavailableError(message, fault="transport") from error
        except openai.OpenAIError as error:
            raise bad(f"{self.name}: {error}") from error
        return estimated(reply, request)

    async def _reply(self, request: Request, on_text: Callable[[str], None]) -> Reply:
        client = await self._client()
        events: AsyncIterator[Any] = await client.responses.create(**self._settings(request), stream=True)
        last = None
        async with asyncio.timeout(self.clocks.silent) as clock:
            async for event in events:
                clock.reschedule(asyncio.get_running_loop().time() + self.clocks.silent)
                if event.type == "response.output_text.delta":
                    on_text(event.delta)
                if event.type in ENDS:
                    last = event
                    break
        if last is None:
            raise ModelUnavailableError(f"the reply of {self.name} broke off before its end", fault="truncated")
        error = last if last.type == "error" else last.response.error
        if error:
            told = {"error": {"message": error.message, "code": error.code}}
            raise refusal(self.name, Received(200, {}, dumped(told)))
        return _read(last.response)

    async def _client(self) -> "AsyncOpenAI":
        """The client of the running event loop."""
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient

        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            http = DefaultAsyncHttpxClient(timeout=self.clocks.silent, follow_redirects=False)
            await at_loop_end(http.aclose)
            # Retries are the gateway's.
            self._clients[loop] = AsyncOpenAI(
                api_key=self.api_key, base_url=self.base_url, max_retries=0, http_client=http
            )
        return self._clients[loop]

    def _settings(self, request: Request) -> dict[str, Any]:
        settings: dict[str, Any] = {
            "model": self.model,
            "input": _input(request),
            "max_output_tokens": request.max_tokens,
            "store": False,
        }
        if request.temperature is not None:
            settings["temperature"] = request.temperature
        if request.thinking is not None:
            settings["reasoning"] = {"effort": "medium" if request.thinking else "none"}
        if request.schema is not None:
            named = {"type": "json_schema", "name": "reply", "schema": request.schema, "strict": True}
            settings["text"] = {"format": named}
        if request.logprobs is not None:
            settings |= {"top_logprobs": request.logprobs, "include": ["message.output_text.logprobs"]}
        if request.tools:
            settings["tools"] = [
                {
                    "type": "function",
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                    "strict": False,
                }
                for tool in request.tools
            ]
            named = {"type": "function", "name": request.tool_choice}
            settings["tool_choice"] = (
                request.tool_choice if request.tool_choice in ("auto", "none", "required") else named
            )
        return settings


def _input(request: Request) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    for message in request.messages:
        if "tool_call_id" in message:
            call_id = message["tool_call_id"]
            items.append({"type": "function_call_output", "call_id": call_id, "output": message["content"]})
            continue
        if message["content"]:
            items.append({"role": message["role"], "content": message["content"]})
        for call in message.get("tool_calls", ()):
            made = {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}
            items.append(made)
    return items


def _read(response: Any) -> Reply:
    """The reply that a finished response holds."""
    text, refused, thoughts, logprobs, calls = "", "", [], [], []
    for item in response.output:
        if item.type == "reasoning":
            thoughts += [text_of(part.text) for part in item.summary or ()]
        elif item.type == "function_call":
            calls.append(ToolCall(id=item.call_id, name=item.name, arguments=text_of(item.arguments)))
        elif item.type == "message":
            for part in item.content:
                refused += text_of(getattr(part, "refusal", None))
                text += text_of(getattr(part, "text", None))
                logprobs += _logprobs(getattr(part, "logprobs", None) or ())
    return Reply(
        text=text,
        usage=_usage(response.usage),
        finish_reason="tool_calls" if calls else _finish(response),
        reasoning="\n\n".join(thoughts),
        refusal=refused,
        logprobs=tuple(logprobs),
        tool_calls=tuple(calls),
    )


def _finish(response: Any) -> str:
    reason = response.incomplete_details.reason if response.incomplete_details else None
    return {None: "stop", "max_output_tokens": "length"}.get(reason, "content_filter")


def _logprobs(listed: Sequence[Any]) -> list[TokenLogprob]:
    return [
        TokenLogprob(
            token=one.token, logprob=one.logprob, top=tuple((other.token, other.logprob) for other in one.top_logprobs)
        )
        for one in listed
    ]


def _usage(reported: Any) -> Usage:
    try:
        cached = reported.input_tokens_details.cached_tokens if reported.input_tokens_details else 0
        return Usage(
            calls=1,
            prompt_tokens=reported.input_tokens,
            completion_tokens=reported.output_tokens,
            cached_tokens=cached or 0,
        )
    except (AttributeError, ValueError):
        return Usage(calls=1)
