"""Embeddings: texts become vectors that lie close where the meanings do.

    wordllama                        the embedded model: 256 dimensions, on the processor, offline (extra `memory`)
    openai-compatible:URL#NAME       any server with an /embeddings address; likewise openai:NAME, ollama:NAME, vllm:URL
    local:PATH.gguf                  any GGUF file, run in this process
    sentence-transformers:NAME       that library, where it is installed
    none                             no vectors: search is by words only

Nothing is imported or loaded before the first text is embedded.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from disputatio.errors import ConfigurationError, MissingExtraError, require, unknown
from disputatio.models import OpenAICompatible, OpenAIResponses, load_model

AT_ONCE = 128
"""Texts that a server is sent at once."""
LONGEST = 8192
"""Characters of a text that are embedded; what follows is still found by its words."""


class Embedder(Protocol):
    """An embedding model."""

    @property
    def name(self) -> str:
        """What it is called; vectors of models with different names are never compared."""
        ...

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector a text, all of one length. May be called from any thread.

        Raises:
            DisputatioError: If there are none to be had.
        """
        ...


@dataclass(frozen=True)
class WordLlama:
    """The embedded model, whose weights come with its package (WordLlama by D. Lee Miller, MIT)."""

    name: str = "wordllama"

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector of 256 numbers a text."""
        vectors: Sequence[Sequence[float]] = self._model.embed([text[:LONGEST] for text in texts])
        return vectors

    @cached_property
    def _model(self) -> Any:
        package = require("wordllama", extra="memory")
        # Told where its weights are, since its own search misses the folder and then asks a server.
        return package.WordLlama.load(cache_dir=Path(str(package.__file__)).parent, disable_download=True)


@dataclass(frozen=True)
class Endpoint:
    """An embedding model behind an OpenAI-compatible address."""

    model: OpenAICompatible

    @property
    def name(self) -> str:
        """The model's string."""
        return self.model.name

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector a text, from the server.

        Raises:
            ModelError: If the server sends none.
        """

        async def all_of_them() -> list[list[float]]:
            cut = [text[:LONGEST] for text in texts]
            parts = [await self.model.embed(cut[at : at + AT_ONCE]) for at in range(0, len(cut), AT_ONCE)]
            return [vector for part in parts for vector in part]

        with ThreadPoolExecutor(1) as pool:  # the caller's thread may run an event loop
            return pool.submit(asyncio.run, all_of_them()).result()


@dataclass(frozen=True)
class SentenceTransformers:
    """A model of the library sentence-transformers."""

    model: str

    @property
    def name(self) -> str:
        """The provider and the model."""
        return f"sentence-transformers:{self.model}"

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector a text."""
        vectors: Sequence[Sequence[float]] = self._loaded.encode(list(texts), show_progress_bar=False)
        return vectors

    @cached_property
    def _loaded(self) -> Any:
        if find_spec("sentence_transformers") is None:
            raise MissingExtraError("'sentence-transformers' is not installed; run: pip install sentence-transformers")
        return require("sentence_transformers", extra="memory").SentenceTransformer(self.model)


def load_embedder(name: str) -> Embedder | None:
    """Make the embedding model that a string names; None for "none".

    Raises:
        ConfigurationError: If it names none.
        MissingExtraError: If its package is not installed.
    """
    provider, _, rest = name.partition(":")
    if provider not in _PROVIDERS:
        raise unknown("embedding model", provider, _PROVIDERS)
    return _PROVIDERS[provider](rest)


def default_embedder() -> Embedder | None:
    """The embedded model if its package is installed, else none."""
    return WordLlama() if all(map(find_spec, ("wordllama", "numpy", "simsimd"))) else None


def _wordllama(rest: str) -> Embedder:
    if rest:
        raise ConfigurationError(f"wordllama is one model; leave out {rest!r}")
    require("wordllama", extra="memory")
    return WordLlama()


def _sentence_transformers(rest: str) -> Embedder:
    if not rest:
        raise ConfigurationError("name a model: sentence-transformers:all-MiniLM-L6-v2")
    return SentenceTransformers(rest)


def _endpoint(provider: str) -> Callable[[str], Embedder]:
    def load(rest: str) -> Embedder:
        name = f"{provider}:{rest}"
        model = load_model(name)
        if isinstance(model, OpenAIResponses):  # OpenAI itself: another interface for chats, the same for embeddings
            model = OpenAICompatible(name=name, base_url=model.base_url, model=rest, api_key=model.api_key)
        assert isinstance(model, OpenAICompatible)
        return Endpoint(model)

    return load


_PROVIDERS: Mapping[str, Callable[[str], Embedder | None]] = {
    "none": lambda _: None,
    "wordllama": _wordllama,
    "sentence-transformers": _sentence_transformers,
    **{provider: _endpoint(provider) for provider in ("local", "openai", "openai-compatible", "ollama", "vllm")},
}
