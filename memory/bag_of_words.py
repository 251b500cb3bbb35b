"""Bags of words: vectors by the words of texts, for where there is no embedding model."""

from collections.abc import Callable, Sequence
from hashlib import blake2b

from disputatio.memory.embedding import default_embedder

Embed = Callable[[Sequence[str]], Sequence[Sequence[float]]]
"""Texts to vectors of one length."""
DIMENSIONS = 512


def embedding(embed: Embed | None = None) -> Embed:
    """The given embedding, else that of the embedded model, else bags of words where it is not installed."""
    found = None if embed else default_embedder()
    return embed or (found.embed if found else bag_of_words)


def bag_of_words(texts: Sequence[str]) -> list[list[float]]:
    """Vectors by the words of texts, hashed."""
    vectors = []
    for text in texts:
        vector = [0.0] * DIMENSIONS
        for word in text.casefold().split():
            digest = blake2b(word.strip(".,;:!?()\"'").encode(), digest_size=4).digest()
            vector[int.from_bytes(digest) % DIMENSIONS] += 1
        vectors.append(vector)
    return vectors
