"""The protocol of a white box: a model whose inside can be looked at, besides what it says."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from disputatio.budget import Usage
from disputatio.model import Message, Model

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Inspection:
    """What happened in a model while it read a prompt and a continuation. Arrays are float32, in main memory."""

    ids: tuple[int, ...]
    """Token ids of the prompt, then of the continuation."""
    tokens: tuple[str, ...]
    """The text of each token by itself; a token that is a part of a character reads as U+FFFD."""
    prompt_tokens: int
    """How many of the tokens are the prompt."""
    logprobs: "Floats"
    """Natural logarithm of the probability of each token of the continuation, given all before it: (continuation,)."""
    logits: "Floats | None" = None
    """(tokens, vocabulary); row t scores the token that follows token t, so the last row is the model's next word."""
    hidden: "Floats | None" = None
    """(layers + 1, tokens, width); the first is the embedding, the last is what the logits are made from."""
    attention: "Floats | None" = None
    """(layers, heads, tokens, tokens); row t of a head is what token t attended to; it sums to 1, and
    is 0 behind t."""
    usage: Usage
    """One call with all tokens as prompt tokens, for the ledger."""


class WhiteBox(Model, Protocol):
    """A model that also shows its inside."""

    async def inspect(
        self,
        prompt: str | Sequence[Message],
        continuation: str = "",
        *,
        logits: bool = False,
        hidden: bool = False,
        attention: bool = False,
    ) -> Inspection:
        """Read a prompt and a continuation, without generating anything.

        Args:
            prompt: Plain text as it is, or messages, which the model's chat template turns into text.
            continuation: Text whose probability is wanted. It is cut into tokens by itself, so that it does not
                change those of the prompt; begin it with a space where a new word begins.
            logits: Whether to report them: tokens times vocabulary numbers.
            hidden: Whether to report the hidden states.
            attention: Whether to report the attention weights: quadratic in the tokens.

        Raises:
            ModelError: If the text is empty or does not fit the context window.
        """
        ...
