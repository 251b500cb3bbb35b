"""Counting: how many tokens a prompt has, asked of servers that can tell, or at most."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from disputatio.errors import ModelError
from disputatio.model import Request
from disputatio.models.chat import body_of, dumped, parsed
from disputatio.models.transport import Transport

Tokenizer = Literal["llama.cpp", "vllm"]
"""Servers that count: their addresses for it lie beside the "/v1" of the others."""


def most_tokens(texts: Iterable[str]) -> int:
    """The most tokens that a prompt of these texts can have, as far as that can be told without its tokenizer."""
    # Two characters a token is below what real tokenizers need for prose. Other scripts may take a token a byte.
    return 8 + sum(4 + (len(text) // 2 if text.isascii() else len(text.encode())) for text in texts)


async def count(tokenizer: Tokenizer, transport: Transport, request: Request, model: str) -> int | None:
    """The tokens of a prompt in the model's own chat template; None if the server does not say."""
    asked = body_of(request, model, {}, "max_tokens", "chat_template_kwargs")
    what = ("model", "messages", "tools", "chat_template_kwargs")
    kept: dict[str, Any] = {key: asked[key] for key in what if key in asked}
    try:
        if tokenizer == "vllm":
            return int((await _ask(transport, "/tokenize", kept))["count"])
        prompt = (await _ask(transport, "/apply-template", kept))["prompt"]
        tokens = await _ask(transport, "/tokenize", {"content": prompt, "add_special": True, "parse_special": True})
        return len(tokens["tokens"])
    except (ModelError, KeyError, TypeError, ValueError):
        return None


async def _ask(transport: Transport, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    received = await transport.post(path, dumped(body))
    if received.status >= 300:
        raise ModelError(f"{transport.base_url}{path} answers {received.status}", status=received.status)
    return parsed(received.content, transport.base_url)
