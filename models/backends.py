"""Backends: what each provider of model strings is, and what it needs."""

import os
from importlib.util import find_spec
from typing import NamedTuple

from disputatio.models.load import PROVIDERS

ANY_KEY = "DISPUTATIO_API_KEY"
"""The variable whose value is sent to servers other than OpenAI's."""


class Backend(NamedTuple):
    """One provider of model strings."""

    provider: str
    spec: str
    """How its model strings are written."""
    what: str
    package: str | None = None
    """The package that it needs besides ours, as it is imported."""
    extra: str | None = None
    """The extra that installs this package."""
    key: str | None = None
    """The environment variable of its key."""
    needs_key: bool = False
    """Whether it does nothing without one."""
    is_server: bool = False
    """Whether it is a server that the user runs."""

    @property
    def installed(self) -> bool:
        """Whether its package is there; nothing is imported."""
        return self.package is None or find_spec(self.package) is not None

    @property
    def command(self) -> str | None:
        """What installs its package."""
        return f"pip install 'disputatio[{self.extra}]'" if self.extra else None

    @property
    def has_key(self) -> bool:
        """Whether its key is set."""
        return bool(self.key and os.environ.get(self.key))


KNOWN = (
    Backend("local", "local", "embedded; or local:FILE.gguf", "xllamacpp"),
    Backend("hf", "hf:PATH", "transformers, in process", "transformers", "transformers"),
    Backend("vllm-engine", "vllm-engine:PATH", "vLLM, in process", "vllm", "vllm"),
    Backend("openai", "openai:NAME", "OpenAI", key="OPENAI_API_KEY", needs_key=True),
    Backend("ollama", "ollama:NAME", "Ollama", key=ANY_KEY, is_server=True),
    Backend("vllm", "vllm:URL", "vLLM's server", key=ANY_KEY, is_server=True),
    Backend("openai-compatible", "openai-compatible:URL#NAME", "any OpenAI-like server", key=ANY_KEY, is_server=True),
    Backend("langchain", "langchain:PROVIDER:NAME", "LangChain's chat models", "langchain", "langchain"),
    Backend("sim", "sim:accuracy=0.6", "simulated"),
)


def backends() -> tuple[Backend, ...]:
    """What `load_model` knows."""
    return tuple(one for one in KNOWN if one.provider in PROVIDERS)
