"""Chat models behind any OpenAI-compatible address: OpenAI, vLLM, llama.cpp, Ollama and others.

Requests go through the HTTP client of the `openai` package on its aiohttp transport, as plain dictionaries: the
package's typed request path costs three times the CPU (benchmarks/README.md). Retries, time and budget are the
gateway's.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import ref

from disputatio.budget import Usage
from disputatio.errors import ModelError, ModelUnavailableError
from disputatio.model import Profile, Reply, Request

if TYPE_CHECKING:
    import httpx2
    from openai import DefaultAioHttpClient

MAX_BYTES = 16 * 2**20
"""Longest reply that is read."""
CONNECT_SECONDS = 5.0
SILENT_SECONDS = 120.0
"""Longest silence of a server, before its reply and within it."""


@dataclass(frozen=True, kw_only=True)
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
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Sampling settings sent with each request that does not set them itself."""
    limit_field: str = "max_tokens"
    """The server's name for the longest reply; OpenAI's own models call it max_completion_tokens."""
    _served: list[str] = field(default_factory=list, repr=False, compare=False)
    _clients: "dict[asyncio.AbstractEventLoop, tuple[DefaultAioHttpClient, AsyncGenerator[None]]]" = field(
        default_factory=dict, repr=False, compare=False
    )

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        """Answer one request; see `Model.complete`."""
        import httpx2

        client = await self._client()
        try:
            body = self._body(request, await self._served_model(client), stream=on_text is not None)
            if on_text is None:
                response = await client.post(self._url, content=body, headers=self._headers)
                self._check(response.status_code, response.content)
                reply = self._whole(_parse(response.content))
            else:
                reply = await self._streamed(client, body, on_text)
        except httpx2.ConnectError as error:
            raise ModelUnavailableError(f"cannot reach {self.base_url}: is the server running? ({error})") from error
        except httpx2.ConnectTimeout as error:
            raise ModelUnavailableError(f"cannot reach {self.base_url}: is the server running? ({error})") from error
        except httpx2.TimeoutException as error:
            raise ModelUnavailableError(f"{self.base_url} was silent for {SILENT_SECONDS:.0f} s") from error
        except httpx2.InvalidURL as error:
            raise ModelError(f"{self.base_url!r} is not an address: {error}") from error
        except httpx2.HTTPError as error:
            raise ModelUnavailableError(f"the connection to {self.base_url} broke off ({error})") from error
        return reply if reply.usage.prompt_tokens else _estimated(reply, request)

    @cached_property
    def _url(self) -> "httpx2.URL":
        import httpx2

        return httpx2.URL(f"{self.base_url}/chat/completions")

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.api_key}", "Content-Type": "application/json"}

    async def _served_model(self, client: "DefaultAioHttpClient") -> str:
        if not (self.model or self._served):
            response = await client.get(f"{self.base_url}/models", headers=self._headers)
            self._check(response.status_code, response.content)
            listed = _parse(response.content).get("data") or ()
            self._served.extend(str(entry["id"]) for entry in listed if isinstance(entry, dict) and "id" in entry)
            if not self._served:
                raise ModelError(f"{self.base_url} lists no model; name one: {self.name}#NAME")
        return self.model or self._served[0]

    def _body(self, request: Request, model: str, *, stream: bool) -> bytes:
        body: dict[str, Any] = {
            **self.defaults,
            "model": model,
            "messages": request.messages,
            self.limit_field: request.max_tokens,
        }
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.seed is not None:
            body["seed"] = request.seed
        if request.schema is not None:
            schema = {"name": "reply", "strict": True, "schema": request.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return json.dumps(body).encode()

    async def _client(self) -> "DefaultAioHttpClient":
        """The HTTP client of the running event loop: connections cannot be shared between loops."""
        from openai import DefaultAioHttpClient

        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            client = DefaultAioHttpClient(follow_redirects=False, timeout=_timeout())
            closer = _close_with(loop, client, ref(self))
            self._clients[loop] = (client, closer)
            await anext(closer)
        return self._clients[loop][0]

    def _whole(self, body: dict[str, Any]) -> Reply:
        self._check(200, body)
        try:
            choice = body["choices"][0]
            text = choice["message"].get("content") or ""
            return Reply(text=_text(text), usage=_usage(body.get("usage")), finish_reason=str(choice["finish_reason"]))
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise ModelUnavailableError(f"{self.base_url} sent a reply that is not a chat completion") from error

    async def _streamed(self, client: "DefaultAioHttpClient", body: bytes, on_text: Callable[[str], None]) -> Reply:
        pieces: list[str] = []
        usage, finish = Usage(calls=1), ""
        async with client.stream("POST", self._url, content=body, headers=self._headers) as response:
            if response.status_code >= 300:
                self._check(response.status_code, await response.aread())
            async for line in response.aiter_lines():
                if not line.startswith("data:") or line[5:].strip() == "[DONE]":
                    continue
                chunk = _parse(line[5:].encode())
                self._check(200, chunk)
                usage = _usage(chunk["usage"]) if chunk.get("usage") else usage
                piece, finish = self._piece(chunk, finish)
                if piece:
                    pieces.append(piece)
                    on_text(piece)
        if not finish:
            raise ModelUnavailableError(f"the reply of {self.base_url} broke off before its end")
        return Reply(text="".join(pieces), usage=usage, finish_reason=finish)

    def _piece(self, chunk: dict[str, Any], finish: str) -> tuple[str, str]:
        """The text of one chunk of a stream, and the finish reason that is known by then."""
        try:
            choices = chunk.get("choices") or ()
            reasons = [choice.get("finish_reason") for choice in choices]
            text = "".join(_text((choice.get("delta") or {}).get("content") or "") for choice in choices)
        except (TypeError, AttributeError) as error:
            raise ModelUnavailableError(f"{self.base_url} sent a chunk that is none of a chat completion") from error
        return text, next((str(reason) for reason in reasons if reason), finish)

    def _check(self, status: int, content: bytes | dict[str, Any]) -> None:
        """Raise what an error reply means."""
        if isinstance(content, bytes) and len(content) > MAX_BYTES:
            raise ModelUnavailableError(f"{self.base_url} sent more than {MAX_BYTES // 2**20} MiB")
        if status < 300 and (isinstance(content, bytes) or "error" not in content):
            return
        error = _error_of(content)
        said = str(error.get("message") or f"HTTP status {status}")[:500]
        code = f"{error.get('code')} {error.get('type')}"
        if status in (401, 403):
            where = f"; set {self.key_variable}" if self.key_variable else ""
            raise ModelError(f"{self.name}: the server refused the key ({status}){where}")
        if "context" in code or status == 413:
            raise ModelError(f"{self.name}: the prompt does not fit the context window ({said}); shorten the question")
        if status == 404:
            raise ModelError(f"{self.name}: no model {self.model!r} at {self.base_url} ({said})")
        if (status in (408, 409, 429) and "quota" not in code) or status >= 500 or status == 200:
            raise ModelUnavailableError(f"{self.name}: {said} ({status})")
        raise ModelError(f"{self.name}: {said} ({status})")


async def _close_with(
    loop: asyncio.AbstractEventLoop, client: "DefaultAioHttpClient", model: "ref[OpenAICompatible]"
) -> AsyncGenerator[None]:
    # An event loop that ends (asyncio.run, pytest, a notebook cell's thread) closes its async generators: the one
    # moment at which the connections can still be closed in order, without asking users to do it. A model that is
    # dropped before lets go of its generator, which is closed then; so the generator must not hold the model.
    try:
        yield
    finally:
        if (owner := model()) is not None:
            owner._clients.pop(loop, None)
        await client.aclose()


def _timeout() -> Any:
    import httpx2

    return httpx2.Timeout(SILENT_SECONDS, connect=CONNECT_SECONDS, pool=None)


def _parse(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ModelUnavailableError(f"the server sent no JSON: {content[:80]!r}") from error
    if not isinstance(body, dict):
        raise ModelUnavailableError(f"the server sent no JSON object: {content[:80]!r}")
    return body


def _error_of(content: bytes | dict[str, Any]) -> dict[str, Any]:
    try:
        body = content if isinstance(content, dict) else _parse(content)
    except ModelUnavailableError:
        return {}
    error = body.get("error", body)
    return error if isinstance(error, dict) else {"message": error}


def _text(content: object) -> str:
    """The text of a reply, as a string that can be encoded; some servers send a list of parts."""
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content).encode("utf-8", "replace").decode()


def _usage(reported: object) -> Usage:
    """One call with the tokens that the server reported; zero prompt tokens mark a report that cannot be used."""
    try:
        assert isinstance(reported, dict)
        cached = (reported.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
        prompt, completion = reported["prompt_tokens"], reported["completion_tokens"]
        return Usage(calls=1, prompt_tokens=prompt, completion_tokens=completion, cached_tokens=cached)
    except (AssertionError, AttributeError, KeyError, ValueError):
        return Usage(calls=1)


def _estimated(reply: Reply, request: Request) -> Reply:
    """The reply with an estimate, of four characters a token, for the usage that the server did not report."""
    prompt = sum(len(message["content"]) for message in request.messages)
    usage = Usage(calls=1, prompt_tokens=prompt // 4 + 1, completion_tokens=len(reply.text) // 4, estimated=True)
    return Reply(text=reply.text, usage=usage, finish_reason=reply.finish_reason)
