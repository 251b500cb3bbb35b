"""The wire format of chat completions: a request as JSON, a reply or a stream of pieces as a `Reply`.

Servers differ in what they leave out and in what shape they send the rest. What can be understood is taken; what
cannot is a `ModelUnavailableError` with the fault `bad_reply`, never a guess.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from disputatio.budget import Usage
from disputatio.errors import ModelUnavailableError
from disputatio.model import Message, Reply, Request, TokenLogprob, ToolCall

SURROGATES = re.compile("[\ud800-\udfff]")


THINKING: Mapping[str, Mapping[bool, Any]] = {
    "chat_template_kwargs": {True: {"enable_thinking": True}, False: {"enable_thinking": False}},
    "reasoning_effort": {True: "medium", False: "none"},
}
"""How servers are told whether the model is to think, by the field that says it."""


def body_of(
    request: Request, model: str, defaults: Mapping[str, Any], limit_field: str, thinking_field: str
) -> dict[str, Any]:
    """The JSON object that asks for a reply."""
    body: dict[str, Any] = {
        **defaults,
        "model": model,
        "messages": [_message(message) if len(message) > 2 else message for message in request.messages],
        limit_field: request.max_tokens,
    }
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.seed is not None:
        body["seed"] = request.seed
    if request.thinking is not None:
        body[thinking_field] = THINKING[thinking_field][request.thinking]
    if request.stop:
        body["stop"] = list(request.stop)
    if request.n > 1:
        body["n"] = request.n
    if request.logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": request.logprobs}
    if request.schema is not None:
        schema = {"name": "reply", "strict": True, "schema": request.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
            }
            for tool in request.tools
        ]
        named = {"type": "function", "function": {"name": request.tool_choice}}
        body["tool_choice"] = request.tool_choice if request.tool_choice in ("auto", "none", "required") else named
    return body


def _message(message: Message) -> dict[str, Any]:
    sent: dict[str, Any] = {**message}
    if calls := message.get("tool_calls"):
        sent["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in calls
        ]
    return sent


def dumped(body: Mapping[str, Any]) -> bytes:
    """A request as bytes."""
    import orjson

    try:
        # A copy: orjson hands out the room that it wrote in, eight times as much, for as long as the call lasts.
        return bytes(memoryview(orjson.dumps(body)))
    except TypeError:  # half of a pair of surrogates, a subclass of str: slower, and never wrong
        return json.dumps(body).encode()


def parsed(content: bytes, url: str) -> dict[str, Any]:
    """The JSON object in the reply of a server.

    Raises:
        ModelUnavailableError: If there is none.
    """
    import orjson

    try:
        try:
            body = orjson.loads(content)
        except orjson.JSONDecodeError:  # it refuses halves of surrogate pairs, which some servers send
            body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise bad(f"{url} sent no JSON: {_start(content)}") from error
    if not isinstance(body, dict):
        raise bad(f"{url} sent no JSON object: {_start(content)}")
    return body


def _start(content: bytes) -> str:
    return repr(content[:80])[1:] if content else "nothing"


def bad(message: str) -> ModelUnavailableError:
    """The error for a reply that cannot be understood."""
    return ModelUnavailableError(message, fault="bad_reply")


def reply_of(body: Mapping[str, Any], server: str) -> Reply:
    """The reply that a chat completion holds.

    Raises:
        ModelUnavailableError: If it is none.
    """
    try:
        choice, *others = body["choices"]
        message = choice["message"]
        reply = Reply(
            text=text_of(message.get("content")),
            usage=usage_of(body.get("usage")),
            finish_reason=str(choice["finish_reason"]),
            others=tuple(thought_and_said(text_of(other["message"].get("content")))[1] for other in others),
            reasoning=text_of(message.get("reasoning_content") or message.get("reasoning")),
            refusal=text_of(message.get("refusal")),
            logprobs=logprobs_of(choice.get("logprobs")),
            tool_calls=_calls(message.get("tool_calls")),
        )
    except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
        raise bad(f"{server} sent a reply that is not a chat completion") from error
    return _finished(reply)


@dataclass
class Pieces:
    """What has come of a streamed reply."""

    server: str
    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    calls: dict[int, dict[str, str]] = field(default_factory=dict)
    usage: Usage = field(default_factory=lambda: Usage(calls=1))
    finish: str = ""

    def add(self, chunk: Mapping[str, Any]) -> tuple[str, bool]:
        """Take one chunk.

        Returns:
            The text in it, and whether there was anything in it.

        Raises:
            ModelUnavailableError: If it is no chunk of a chat completion.
        """
        said, anything = "", False
        try:
            if chunk.get("usage"):
                self.usage = usage_of(chunk["usage"])
            for choice in chunk.get("choices") or ():
                delta = choice.get("delta") or {}
                said += text_of(delta.get("content"))
                thought = text_of(delta.get("reasoning_content") or delta.get("reasoning"))
                refused = text_of(delta.get("refusal"))
                calls = delta.get("tool_calls") or ()
                self.reasoning.append(thought)
                self.refusal.append(refused)
                self.logprobs.extend(logprobs_of(choice.get("logprobs")))
                for number, call in enumerate(calls):
                    self._call(number, call)
                self.finish = str(choice.get("finish_reason") or self.finish)
                anything = anything or bool(said or thought or refused or calls)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise bad(f"{self.server} sent a chunk that is none of a chat completion") from error
        if said:
            self.text.append(said)
        return said, anything

    def _call(self, number: int, piece: Mapping[str, Any]) -> None:
        call = self.calls.setdefault(int(piece.get("index") or number), {"id": "", "name": "", "arguments": ""})
        function = piece.get("function") or {}
        call["id"] = str(piece.get("id") or call["id"])
        call["name"] += str(function.get("name") or "")
        call["arguments"] += _arguments(function.get("arguments"))

    def spent(self) -> Usage:
        """What it cost so far: as reported, else an estimate of what was written."""
        if self.usage.prompt_tokens:
            return self.usage
        written = sum(map(len, self.text)) + sum(map(len, self.reasoning))
        return Usage(calls=1, completion_tokens=written // 4, estimated=True)

    def reply(self) -> Reply:
        """The whole reply.

        Raises:
            ModelUnavailableError: If it stopped before its end.
        """
        if not self.finish:
            raise ModelUnavailableError(f"the reply of {self.server} broke off before its end", fault="truncated")
        calls = [{"id": call["id"], "function": call} for _, call in sorted(self.calls.items())]
        return _finished(
            Reply(
                text="".join(self.text),
                usage=self.usage,
                finish_reason=self.finish,
                reasoning="".join(self.reasoning),
                refusal="".join(self.refusal),
                logprobs=tuple(self.logprobs),
                tool_calls=_calls(calls),
            )
        )


def _finished(reply: Reply) -> Reply:
    """The reply with its thoughts apart from its words, and a finish reason that is true."""
    if not reply.reasoning:
        thought, said = thought_and_said(reply.text)
        if said is not reply.text:  # a copy takes longer than all the rest
            reply = replace(reply, text=said, reasoning=thought)
    if reply.finish_reason == "tool_calls" and not reply.tool_calls:
        reply = replace(reply, finish_reason="stop")
    return reply


def thought_and_said(text: str) -> tuple[str, str]:
    """What a model wrote, divided into its thoughts and its words; some templates open the thoughts themselves."""
    thought, closed, said = text.partition("</think>")
    if text.lstrip().startswith("<think>") or (closed and "<think>" not in thought):
        return thought.strip().removeprefix("<think>").strip(), said.lstrip()
    return "", text


def _calls(listed: object) -> tuple[ToolCall, ...]:
    """Tool calls, each with an id of its own whatever the server sent; calls without a name are none."""
    calls: dict[str, ToolCall] = {}
    for number, call in enumerate(listed if isinstance(listed, Sequence) else ()):
        function = call.get("function") or {}
        given = str(call.get("id") or "")
        unique = given if given and given not in calls else f"call_{number}"
        if function.get("name"):
            arguments = _arguments(function.get("arguments"))
            calls[unique] = ToolCall(id=unique, name=text_of(function["name"]), arguments=arguments)
    return tuple(calls.values())


def _arguments(value: object) -> str:
    return json.dumps(value) if isinstance(value, dict | list) else text_of(value)


def logprobs_of(listed: object) -> tuple[TokenLogprob, ...]:
    """The tokens of a reply, out of the field `logprobs` of a chat completion."""
    tokens = listed.get("content") if isinstance(listed, dict) else None
    return tuple(
        TokenLogprob(
            token=text_of(token["token"]),
            logprob=float(token["logprob"]),
            top=tuple((text_of(one["token"]), float(one["logprob"])) for one in token.get("top_logprobs") or ()),
        )
        for token in tokens or ()
    )


def text_of(content: object) -> str:
    """Text as a string that can be encoded; some servers send a list of parts, or nothing."""
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    text = str(content) if content else ""
    return text if text.isascii() else SURROGATES.sub("\ufffd", text)


def usage_of(reported: object) -> Usage:
    """One call with the tokens that the server reported; zero prompt tokens mark a report that cannot be used."""
    try:
        assert isinstance(reported, dict)
        cached = (reported.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
        prompt, completion = reported["prompt_tokens"], reported["completion_tokens"]
        return Usage(calls=1, prompt_tokens=prompt, completion_tokens=completion, cached_tokens=cached)
    except (AssertionError, AttributeError, KeyError, ValueError):
        return Usage(calls=1)


def estimated(reply: Reply, request: Request) -> Reply:
    """The reply, with an estimate of its usage if that was not reported."""
    if reply.usage.prompt_tokens:
        return reply
    written = len(reply.text) + len(reply.reasoning) + sum(map(len, reply.others))
    return replace(reply, usage=estimate(request, written // 4))


def estimate(request: Request, completion_tokens: int, *, calls: int = 1) -> Usage:
    """Usage that the server did not report, at four characters a token."""
    prompt = sum(map(len, request.texts)) // 4 + 1
    return Usage(calls=calls, prompt_tokens=prompt, completion_tokens=completion_tokens, estimated=True)
