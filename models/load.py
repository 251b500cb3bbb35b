"""From a model string to a model."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from disputatio.errors import ConfigurationError, unknown
from disputatio.gate import gate_of
from disputatio.model import FEATURES, Model, Profile
from disputatio.models.openai_compatible import OpenAICompatible
from disputatio.models.prices import FREE, entry_of
from disputatio.models.responses import OpenAIResponses
from disputatio.models.simulated import SimulatedModel

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

SMALL = Profile(structure="two_step", max_tokens=120, features=FEATURES - {"n", "tools", "thinking"})
"""The embedded model: prose in one short paragraph, JSON only in a second step, no tools, one reply at a time."""


def load_model(model: "str | Model | BaseChatModel", *, at_once: int = 1) -> Model:
    """Make the model that a string names. A model is taken as it is; so is a chat model of LangChain, as an object.

        local                           the embedded model (SmolLM2-135M, fetched once, runs in this process)
        local:PATH.gguf                 any GGUF file, run in this process
        local:hf/OWNER/NAME/FILE.gguf   the same, fetched once from the Hugging Face hub
        hf:PATH                         transformers in this process: a folder, a GGUF file, or a name of the hub
        vllm-engine:PATH                vLLM in this process: a folder, or a name of the hub
        openai:NAME                     OpenAI; the key comes from OPENAI_API_KEY
        vllm:URL                        a vLLM server; URL ends in /v1, and #NAME may follow
        ollama:NAME                     Ollama on this machine, or at OLLAMA_HOST
        openai-compatible:URL#NAME      any other server; the key comes from DISPUTATIO_API_KEY, if it needs one
        sim:accuracy=0.6,seed=1         a simulated model with known properties; see SimulatedModel
        langchain:PROVIDER:NAME         any chat model of LangChain, by the provider's own package

    Args:
        model: The string, or the model.
        at_once: How many runs will use it at one time, from 1. The server of an embedded model gets so many slots, if
            the memory allows; it then reads and writes for all of them together, on every core.

    Raises:
        ConfigurationError: If the string names no provider, or lacks a part.
        MissingExtraError: If the provider needs a package that is not installed.
        StoreError: If the embedded model cannot be fetched.
    """
    if not isinstance(model, str):
        return _wrapped(model)
    provider, _, rest = model.partition(":")
    if provider not in PROVIDERS:
        raise unknown("model provider", provider, PROVIDERS)
    loaded = _local(rest, at_once) if provider == "local" else PROVIDERS[provider](rest)
    if provider not in FREE and (entry := entry_of(loaded.name)) and (gate := getattr(loaded, "gate", None)):
        per_minute, tokens_per_minute = entry.calls_per_minute, entry.tokens_per_minute
        gate.allow(most=entry.at_once, per_minute=per_minute, tokens_per_minute=tokens_per_minute)
    return loaded


def _wrapped(model: "Model | BaseChatModel") -> Model:
    """A model, made of a chat model of LangChain if it is one; nobody can have one before its package is imported."""
    if "langchain_core.language_models.chat_models" in sys.modules:
        from langchain_core.language_models.chat_models import BaseChatModel

        from disputatio.models.langchain import LangChainModel

        if isinstance(model, BaseChatModel):
            return LangChainModel(chat=model)
    return model  # type: ignore[return-value]


def _langchain(rest: str) -> Model:
    from disputatio.models import langchain

    return langchain.load(rest)


def _local(rest: str, at_once: int = 1) -> Model:
    from disputatio.models.hub import hub_file
    from disputatio.models.local import serve
    from disputatio.models.weights import smollm2

    if rest.startswith("hf/"):
        path = hub_file(rest.removeprefix("hf/"))
    else:
        path = Path(rest).expanduser() if rest else smollm2()
    endpoint = serve(path, slots=at_once)
    small = replace(SMALL, context=endpoint.context)
    # A call that waits for a slot waits here, where it does not count as silence of the server.
    gate = gate_of(endpoint.base_url)
    gate.allow(most=endpoint.slots, per_minute=None, tokens_per_minute=None)

    def embedder() -> OpenAICompatible:  # a server of its own, started when it is first asked
        other = serve(path, context=2048, embeds=True)
        return OpenAICompatible(name="local", base_url=other.base_url, model=path.stem, api_key=other.api_key)

    return OpenAICompatible(
        name=f"local:{rest}" if rest else "local",
        base_url=endpoint.base_url,
        model=path.stem,
        api_key=endpoint.api_key,
        tokenizer="llama.cpp",
        embedder=embedder,
        gate=gate,
        profile=small if not rest else replace(small, max_tokens=512, features=small.features | {"thinking"}),
        defaults={
            "temperature": 0.6,
            "top_p": 0.9,
            "repeat_penalty": 1.1,
            "cache_prompt": True,
            "stop": ["\nRound ", "\n["],  # a small model goes on to write what the others say next
        },
    )


def _hf(path: str) -> Model:
    from disputatio.models.huggingface import load

    return load(path)


def _vllm_engine(path: str) -> Model:
    from disputatio.models.vllm_engine import load

    return load(path)


def _openai(name: str) -> Model:
    key = os.environ.get("OPENAI_API_KEY")
    if not name:
        raise ConfigurationError("which OpenAI model? for example 'openai:gpt-5-mini'")
    if not key:
        raise ConfigurationError(f"'openai:{name}' needs a key: set OPENAI_API_KEY")
    url = os.environ.get("OPENAI_BASE_URL", "").rstrip("/")
    if not url:
        return OpenAIResponses(name=f"openai:{name}", model=name, api_key=key)
    return OpenAICompatible(  # another server under OpenAI's name: it may know no other interface
        name=f"openai:{name}",
        base_url=url,
        model=name,
        api_key=key,
        key_variable="OPENAI_API_KEY",
        limit_field="max_completion_tokens",
        thinking_field="reasoning_effort",
        profile=Profile(max_tokens=4096),
        gate=gate_of(f"{url} {name}", start=20),
    )


def _server(provider: str, default_url: str | None = None, **settings: Any) -> Callable[[str], Model]:
    def load(rest: str) -> Model:
        url, _, name = rest.partition("#")
        if default_url and "://" not in rest:
            url, name = default_url, rest
        if not url.startswith(("http://", "https://")):
            raise ConfigurationError(f"'{provider}:{rest}' needs an address: '{provider}:http://HOST:PORT/v1#NAME'")
        return OpenAICompatible(
            name=f"{provider}:{rest}",
            base_url=url.rstrip("/"),
            model=name,
            api_key=os.environ.get("DISPUTATIO_API_KEY", "none"),
            key_variable="DISPUTATIO_API_KEY",
            **settings,
        )

    return load


def _ollama(rest: str) -> Model:
    host = os.environ.get("OLLAMA_HOST", "127.0.0.1:11434")
    url = host if "://" in host else f"http://{host}"
    if not rest:
        raise ConfigurationError("which Ollama model? for example 'ollama:qwen3:4b'")
    return _server("ollama", f"{url.rstrip('/')}/v1", thinking_field="reasoning_effort")(rest)


PROVIDERS: Mapping[str, Callable[[str], Model]] = {
    "local": _local,
    "hf": _hf,
    "vllm-engine": _vllm_engine,
    "openai": _openai,
    "vllm": _server("vllm", tokenizer="vllm"),
    "ollama": _ollama,
    "openai-compatible": _server("openai-compatible"),
    "sim": SimulatedModel.of,
    "langchain": _langchain,
}
