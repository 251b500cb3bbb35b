"""From tokens to text as they come: characters are whole, and a reply ends before its stop text."""

from collections.abc import Callable, Sequence

UNFINISHED = "\ufffd"
"""How a decoder shows bytes that are no whole character yet."""


class Speller:
    """Text of tokens, piece by piece; together the pieces are what decoding all tokens at once gives."""

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._ids: list[int] = []
        self._context = self._spelt = 0

    def add(self, token: int) -> str:
        """The text that a token completes; empty while its last character is unfinished."""
        self._ids.append(token)
        text = self._rest()
        if text.endswith(UNFINISHED):
            return ""
        self._context, self._spelt = self._spelt, len(self._ids)
        return text

    def end(self) -> str:
        """What is left when no token comes any more."""
        text = self._rest()
        self._context = self._spelt = len(self._ids)
        return text

    def _rest(self) -> str:
        # Decoders treat the first word of a text in a way of their own, so the tokens before are decoded along.
        known = self._decode(self._ids[self._context : self._spelt])
        return self._decode(self._ids[self._context :])[len(known) :]


class Stopper:
    """Passes text on until one of the stop texts is complete; what may be the beginning of one is kept back."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = [stop for stop in stops if stop]
        self._kept = ""
        self.stopped = False

    def add(self, piece: str) -> str:
        """The text that is certain to come before a stop text."""
        self._kept += piece
        found = [(self._kept.find(stop) + len(stop), -len(stop)) for stop in self._stops if stop in self._kept]
        if found:  # the one that was complete first, whatever the pieces
            end, length = min(found)
            self.stopped = True
            text, self._kept = self._kept[: end + length], ""
            return text
        return self._take(len(self._kept) - self._open())

    def end(self) -> str:
        """What was kept back when no text comes any more."""
        return self._take(len(self._kept))

    def _open(self) -> int:
        """How many characters at the end may begin a stop text."""
        lengths = (n for stop in self._stops for n in range(len(stop) - 1, 0, -1) if self._kept.endswith(stop[:n]))
        return max(lengths, default=0)

    def _take(self, length: int) -> str:
        text, self._kept = self._kept[:length], self._kept[length:]
        return text
