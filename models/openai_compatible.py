"""Chat models behind any OpenAI-compatible address: OpenAI, vLLM, llama.cpp, Ollama and others.

Requests are plain JSON over aiohttp: the typed request path of the `openai` package costs several times the CPU and
takes a reply that broke off for a whole one (benchmarks/README.md). Retries, time and budget are the gateway's.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from typing import Any, get_args

from disputatio.budget import Usage
from disputatio.errors import ModelError, ModelUnavailableError, UnsupportedError
from disputatio.gate import Gate, gate_of
from disputatio.model import Message, Profile, Reply, Request
from disputatio.models.chat import Pieces, bad, body_of, dumped, estimate, estimated, parsed, reply_of, usage_of
from disputatio.models.counting import Tokenizer, count
from disputatio.models.refusals import FIELDS, not_understood, refusal
from disputatio.models.transport import Clocks, Events, Received, Transport


@dataclass(kw_only=True, eq=False)
class OpenAICompatible:
    """A chat model behind `base_url`, which ends in /v1."""

    name: str
    base_url: str
    model: str = ""
    """The model's name at the server; empty takes the first one that the server lists."""
    api_key: str = field(default="none", repr=False)
    key_variable: str | None = None
    """The environment variable that the key came from, named when the key is refused."""
    profile: Profile = field(default_factory=Profile)
    """What the model is good at; a feature that the server refuses is taken out of it."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Sampling settings sent with each request that does not set them itself."""
    limit_field: str = "max_tokens"
    """The server's name for the longest reply; OpenAI's own models call it max_completion_tokens."""
    thinking_field: str = "chat_template_kwargs"
    """How the server is told whether the model is to think; see `disputatio.models.chat.THINKING`."""
    clocks: Clocks = field(default_factory=Clocks)
    tokenizer: Tokenizer | None = None
    """How the server counts the tokens of a prompt, if it can."""
    embedder: "Callable[[], OpenAICompatible] | None" = None
    """Makes the model that gives the embeddings, where it is another one."""
    gate: Gate | None = None
    """How many requests may be under way; None shares the gate of the address, which narrows if the server refuses."""
    _refused: set[str] = field(default_factory=set, repr=False)
    """Fields of a request that the server did not take."""
    _reads_tools: bool = field(default=False, repr=False)
    """Whether it was found out that tools reach the model."""

    def __post_init__(self) -> None:
        self.gate = self.gate or gate_of(self.base_url)

    @cached_property
    def _transport(self) -> Transport:
        headers = {"Authorization": f"Bearer {self.api_key}", "Content-Type": "application/json"}
        return Transport(base_url=self.base_url, headers=headers, clocks=self.clocks)

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        """Answer one request; see `Model.complete`. Several replies at once (`n`) are not streamed."""
        if not self.model:
            self.model = (await self.models())[0]
        if request.tools and not self._reads_tools:
            await self._check_tools(request)
        streamed = on_text is not None and request.n == 1
        body = body_of(request, self.model, self.defaults, self.limit_field, self.thinking_field)
        if streamed:
            body["stream"] = True
            if "stream_options" not in self._refused:
                body["stream_options"] = {"include_usage": True}
        assert self.gate
        try:
            async with self.gate:
                if on_text is None or not streamed:
                    reply = self._whole(await self._transport.post("/chat/completions", dumped(body)))
                else:
                    reply = await self._streamed(dumped(body), request.max_tokens, on_text)
        except ModelError as error:
            if error.status == 404:
                raise await self._unknown(error) from error
            if error.usage and not error.usage.prompt_tokens:
                error.usage = estimate(request, error.usage.completion_tokens, calls=0)
            self._learn(error, body)
            return await self.complete(request, on_text)
        reply = estimated(reply, request)
        self._check_thinking(request, reply)
        return reply

    async def count(self, request: Request) -> int | None:
        """The tokens of a prompt, by the server's own count; None if it cannot tell."""
        if not self.tokenizer:
            return None
        self.model = self.model or (await self.models())[0]
        return await self._counted(self.tokenizer, request)

    async def _counted(self, tokenizer: Tokenizer, request: Request) -> int | None:
        beside = replace(self._transport, base_url=self.base_url.removesuffix("/v1"))
        return await count(tokenizer, beside, request, self.model)

    async def models(self) -> Sequence[str]:
        """The names of the models that the server lists.

        Raises:
            ModelError: If it lists none.
        """
        received = await self._transport.get("/models")
        self._check(received)
        listed = parsed(received.content, self.base_url).get("data")
        entries = listed if isinstance(listed, list) else []
        names = [str(entry["id"]) for entry in entries if isinstance(entry, dict) and "id" in entry]
        if not names:
            raise ModelError(f"{self.base_url} lists no model; name one: {self.name}#NAME")
        return names

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """The embeddings of some texts, one vector each, where the server has an embedding model.

        Raises:
            ModelError: If it has none, or sends something else.
        """
        if self.embedder:
            return await self.embedder().embed(texts)
        body = {"model": self.model or (await self.models())[0], "input": list(texts)}
        received = await self._transport.post("/embeddings", dumped(body))
        self._check(received)
        try:
            rows = sorted(parsed(received.content, self.base_url)["data"], key=lambda row: int(row["index"]))
            vectors = [[float(number) for number in row["embedding"]] for row in rows]
        except (KeyError, TypeError, ValueError) as error:
            raise bad(f"{self.base_url} sent no embeddings") from error
        if len(vectors) != len(texts):
            raise bad(f"{self.base_url} sent {len(vectors)} embeddings for {len(texts)} texts")
        return vectors

    def _whole(self, received: Received) -> Reply:
        self._check(received)
        body = parsed(received.content, self.base_url)
        if "error" in body:
            raise self._refusal(received)
        try:
            return reply_of(body, self.base_url)
        except ModelUnavailableError as error:
            error.usage = _attempt(usage_of(body.get("usage")))
            raise

    async def _streamed(self, body: bytes, max_tokens: int, on_text: Callable[[str], None]) -> Reply:
        pieces = Pieces(self.base_url)
        try:
            return await self._pieced(pieces, body, max_tokens, on_text)
        except ModelUnavailableError as error:
            if pieces.text or pieces.reasoning or pieces.usage.tokens:
                error.usage = _attempt(pieces.spent())
            raise

    async def _pieced(self, pieces: Pieces, body: bytes, max_tokens: int, on_text: Callable[[str], None]) -> Reply:
        async with self._transport.stream("/chat/completions", body) as events:
            if not isinstance(events, Events):  # a refusal, or a server that does not stream
                reply = self._whole(events)
                on_text(reply.text)
                return reply
            async with aclosing(events.data()) as data:
                async for event in data:
                    if event == b"[DONE]":
                        break
                    chunk = parsed(event, self.base_url)
                    if "error" in chunk:
                        raise self._refusal(Received(200, {}, event))
                    said, anything = pieces.add(chunk)
                    if anything:
                        events.heard()
                    if said:
                        on_text(said)
                    if len(pieces.text) > 2 * max_tokens + 16:  # a server that knows no limit
                        pieces.finish = "length"
                        break
        return pieces.reply()

    def _check(self, received: Received) -> None:
        if received.status >= 300:
            raise self._refusal(received)

    async def _check_tools(self, request: Request) -> None:
        """Refuse tools that the model would not see: servers drop them where its template has no place for them.

        Nothing is generated for it, and it is done once: a prompt with tools has more tokens than one without. A server
        that does not count is believed.
        """
        bare = Request(messages=[Message(role="user", content="?")], max_tokens=1)
        for tokenizer in (self.tokenizer,) if self.tokenizer else get_args(Tokenizer):
            without = await self._counted(tokenizer, bare)
            if without is None:
                continue
            if await self._counted(tokenizer, replace(bare, tools=request.tools)) == without:
                self.profile = replace(self.profile, features=self.profile.features - {"tools"})
                message = f"{self.name} drops tools: its model's template has no place for them"
                raise UnsupportedError(message, feature="tools")
            break
        self._reads_tools = True

    def _check_thinking(self, request: Request, reply: Reply) -> None:
        """Refuse a reply in the wrong mode: servers ignore a switch that the model's template does not have."""
        if request.thinking is None or request.thinking == bool(reply.reasoning):
            return
        if self.thinking_field == "reasoning_effort" and request.thinking:
            return  # such servers may keep the thoughts to themselves
        self.profile = replace(self.profile, features=self.profile.features - {"thinking"})
        did = "did not think" if request.thinking else "thought"
        message = f"{self.name} {did} although it was told otherwise: it has no switch for thinking"
        error = UnsupportedError(message, feature="thinking")
        error.usage = _attempt(reply.usage)
        raise error

    def _refusal(self, received: Received) -> ModelError:
        return refusal(self.name, received, key_variable=self.key_variable)

    async def _unknown(self, error: ModelError) -> ModelError:
        """The error for a model that the server does not have, with those that it has, the nearest first."""
        try:
            names = list(await self.models())
        except ModelError:
            return error
        near = get_close_matches(self.model, names, n=8, cutoff=0)
        message = f"{error}: no model {self.model!r} at {self.base_url}; it has {', '.join(near)}"
        return ModelError(message, fault=error.fault, status=error.status)

    def _learn(self, error: ModelError, body: Mapping[str, Any]) -> None:
        """Remember what the server does not take; return if the request means the same without it."""
        other = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
        name = not_understood(error, body)
        if name is None or name in self._refused:
            raise error
        self._refused.add(name)
        if name == self.limit_field:
            self.limit_field = other[name]
        elif name in FIELDS:
            feature = FIELDS[name]
            structure = "prompted" if feature == "schema" else self.profile.structure
            self.profile = replace(self.profile, structure=structure, features=self.profile.features - {feature})
            raise UnsupportedError(f"{self.name} does not take {name!r}: {error}", feature=feature) from error
        elif name != "stream_options":  # without which usage is estimated, and marked so
            raise error


def _attempt(usage: Usage) -> Usage:
    """What an attempt cost that failed: the call is counted when it succeeds."""
    return usage.model_copy(update={"calls": 0})
