"""Any chat model of LangChain as a model: `langchain:PROVIDER:NAME`, or the object itself.

What a provider's package can do is read off its class: a request sets the fields that the class declares, and whether
there is a field decides which features the model has. No provider's package is imported for that.
"""

import json
import re
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from disputatio.budget import Usage
from disputatio.errors import ConfigurationError, DisputatioError, MissingExtraError, UnsupportedError, require
from disputatio.model import Feature, Message, Profile, Reply, Request, ToolCall
from disputatio.models.chat import estimated, logprobs_of, text_of
from disputatio.models.langchain_errors import meaning

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel
    from langchain_core.messages import AIMessage, BaseMessage

LIMITS = ("max_tokens", "max_output_tokens", "max_completion_tokens", "num_predict", "max_new_tokens")
"""What packages call the longest reply."""
_SCHEMAS = "langchain_openai."
"""Classes from here take a JSON schema as response_format, and so do those made of them."""
_TOOL = ("name", "description", "parameters")
_ENDINGS = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "safety": "content_filter",
    "refusal": "content_filter",
    "guardrail_intervened": "content_filter",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}
"""What servers call the end of a reply; every other name is a stop."""


@dataclass(kw_only=True, eq=False)
class LangChainModel:
    """A chat model of LangChain.

    Its own settings hold where a request sets nothing. One whose class declares no limit of the reply is not held to
    `max_tokens`. Most packages try a failed call again by themselves, below the gateway, where no budget or report sees
    it: `load` switches that off where the class lets it, an object is to be made with `max_retries=0`.
    """

    chat: "BaseChatModel"
    name: str = ""
    """Empty takes provider and model from the object."""
    profile: Profile = field(default_factory=Profile)
    """What the model is good at; the default is read off its class."""

    def __post_init__(self) -> None:
        known = self.chat._get_ls_params()
        parts = ("langchain", known.get("ls_provider"), known.get("ls_model_name"))
        self.name = self.name or ":".join(part for part in parts if part)
        if self.profile == Profile():
            self.profile = self._profile()

    def _profile(self) -> Profile:
        from langchain_core.language_models.chat_models import BaseChatModel

        fields = self._fields
        has: dict[Feature, bool] = {
            "schema": any(one.__module__.startswith(_SCHEMAS) for one in type(self.chat).__mro__),
            "tools": type(self.chat).bind_tools is not BaseChatModel.bind_tools,
            "logprobs": {"logprobs", "top_logprobs"} <= fields,
            "n": "n" in fields,
            "seed": "seed" in fields,
            "stop": True,
        }
        window = (getattr(self.chat, "profile", None) or {}).get("max_input_tokens")
        return Profile(
            structure="native" if has["schema"] else "prompted",
            max_tokens=getattr(self.chat, self._limit or "", None) or Profile().max_tokens,
            context=window,
            features=frozenset(feature for feature, can in has.items() if can),
        )

    @cached_property
    def _fields(self) -> frozenset[str]:
        return frozenset(type(self.chat).model_fields)

    @cached_property
    def _limit(self) -> str | None:
        return next((name for name in LIMITS if name in self._fields), None)

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        """Answer one request; see `Model.complete`. Several replies, and log-probabilities, are not streamed."""
        try:
            chat = self._set(request)
            settings = self._asked(request, chat)
            if on_text and request.n == 1 and request.logprobs is None:
                return estimated(await self._streamed(chat, request, on_text, **settings), request)
            result = await chat.agenerate([_messages(request)], **settings)
            first, *others = (_reply(one.message) for one in result.generations[0])  # type: ignore[union-attr]
            reply = replace(first, others=tuple(one.text for one in others))
            if on_text and reply.text:
                on_text(reply.text)
            return estimated(reply, request)
        except DisputatioError:
            raise
        except Exception as error:
            raise meaning(error, self.name) from error

    async def _streamed(
        self, chat: "BaseChatModel", request: Request, on_text: Callable[[str], None], **settings: Any
    ) -> Reply:
        whole: AIMessage | None = None
        pieces, ending = 0, ""
        async with aclosing(chat.astream(_messages(request), **settings)) as chunks:  # type: ignore[type-var]
            async for chunk in chunks:
                whole = chunk if whole is None else whole + chunk  # type: ignore[assignment]
                ending = _ending(chunk) or ending
                pieces += 1
                if said := text_of(chunk.text):
                    on_text(said)
                if pieces > 2 * request.max_tokens + 16:  # a model without a limit of its own
                    ending = "length"
                    break
        assert whole is not None  # of an empty stream, LangChain raises an error
        return replace(_reply(whole), finish_reason=_finish(ending, whole))

    def _set(self, request: Request) -> "BaseChatModel":
        """The model with the settings of a request, as far as it has fields for them."""
        wanted = {
            self._limit: request.max_tokens,
            "temperature": request.temperature,
            "seed": request.seed,
            "n": request.n if request.n > 1 else None,
            "logprobs": None if request.logprobs is None else True,
            "top_logprobs": request.logprobs,
            "stream_usage": True,
        }
        return self.chat.model_copy(
            update={name: value for name, value in wanted.items() if name in self._fields and value is not None}
        )

    def _asked(self, request: Request, chat: "BaseChatModel") -> dict[str, Any]:
        """What the call itself is given: stops, the schema and tools."""
        if missing := request.needs - self.profile.features:
            feature = min(missing)
            raise UnsupportedError(f"{self.name} has no {feature} in LangChain", feature=feature)
        settings: dict[str, Any] = {"stop": list(request.stop) or None}
        if request.schema is not None:
            schema = {"name": "reply", "strict": True, "schema": request.schema}
            settings["response_format"] = {"type": "json_schema", "json_schema": schema}
        if request.tools and request.tool_choice != "none":
            tools = [
                {"type": "function", "function": {name: getattr(tool, name) for name in _TOOL}}
                for tool in request.tools
            ]
            choice = {"auto": None, "required": "any"}.get(request.tool_choice, request.tool_choice)
            bound = chat.bind_tools(tools, **({"tool_choice": choice} if choice else {}))
            settings |= getattr(bound, "kwargs", {})
        return settings


def _messages(request: Request) -> "list[BaseMessage]":
    return [_message(message) for message in request.messages]


def _message(message: Message) -> "BaseMessage":
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

    content = message["content"]
    match message["role"]:
        case "system":
            return SystemMessage(content)
        case "assistant":
            read, unread = [], []
            for call in message.get("tool_calls", ()):
                arguments = _object(call.arguments)
                if arguments is None:
                    unread.append({"id": call.id, "name": call.name, "args": call.arguments, "error": None})
                else:
                    read.append({"id": call.id, "name": call.name, "args": arguments})
            return AIMessage(content, tool_calls=read, invalid_tool_calls=unread)
        case "tool":
            return ToolMessage(content, tool_call_id=message.get("tool_call_id", ""))
        case _:
            return HumanMessage(content)


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _reply(message: "BaseMessage") -> Reply:
    """A whole message as a reply."""
    blocks: list[dict[str, Any]] = [dict(block) for block in message.content_blocks]
    thoughts = [text_of(block.get("reasoning")) for block in blocks if block["type"] == "reasoning"]
    calls = [*getattr(message, "tool_calls", ()), *getattr(message, "invalid_tool_calls", ())]
    refusal = message.additional_kwargs.get("refusal")
    return Reply(
        text=text_of(message.text),
        usage=_usage(getattr(message, "usage_metadata", None)),
        finish_reason=_finish(_ending(message), message),
        reasoning="".join(thoughts),
        refusal=text_of(refusal),
        logprobs=logprobs_of(message.response_metadata.get("logprobs")),
        tool_calls=tuple(_tool_call(number, call) for number, call in enumerate(calls) if call.get("name")),
    )


def _tool_call(number: int, call: Mapping[str, Any]) -> ToolCall:
    given = call["args"]
    arguments = given if isinstance(given, str) else json.dumps(given)
    return ToolCall(id=call.get("id") or f"call_{number}", name=call["name"], arguments=arguments)


def _ending(message: "BaseMessage") -> str:
    """What the server calls the end of the reply; empty where it does not say."""
    said = message.response_metadata
    names = ("finish_reason", "stop_reason", "stopReason", "done_reason")
    return next((str(said[name]) for name in names if said.get(name)), "")


def _finish(ending: str, message: "BaseMessage") -> str:
    if getattr(message, "tool_calls", None):
        return "tool_calls"
    return _ENDINGS.get(ending.lower(), "stop")


def _usage(reported: Mapping[str, Any] | None) -> Usage:
    """One call with the tokens that the package reports; zero prompt tokens mark that it does not."""
    told: Mapping[str, Any] = reported or {}
    cached = (told.get("input_token_details") or {}).get("cache_read") or 0
    prompt, completion = told.get("input_tokens") or 0, told.get("output_tokens") or 0
    return Usage(calls=1, prompt_tokens=prompt, completion_tokens=completion, cached_tokens=cached)


def load(rest: str) -> LangChainModel:
    """Make the model that `langchain:PROVIDER:NAME` names.

    Raises:
        ConfigurationError: If a part is missing, or the package does not accept it: its key is not set, for example.
        MissingExtraError: If LangChain or the provider's package is not installed.
    """
    provider, _, name = rest.partition(":")
    if not provider or not name:
        raise ConfigurationError(f"'langchain:{rest}' needs a provider and a name: 'langchain:anthropic:NAME'")
    make = require("langchain.chat_models", extra="langchain").init_chat_model
    try:
        chat = make(name, model_provider=provider)
        if "max_retries" in type(chat).model_fields:  # the gateway tries again, within the budget and in the report
            chat = make(name, model_provider=provider, max_retries=0)
    except ImportError as error:
        command = f"pip install langchain-{provider.replace('_', '-')}"
        if found := re.search(r"pip install [\w-]+", str(error)):
            command = found.group()
        message = f"'langchain:{rest}' needs another package; run: {command}"
        raise MissingExtraError(message) from error
    except Exception as error:
        first = str(error).strip().partition("\n")[0]
        raise ConfigurationError(f"'langchain:{rest}' cannot be made: {first}") from error
    return LangChainModel(chat=chat, name=f"langchain:{rest}")
