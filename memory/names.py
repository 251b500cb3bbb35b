"""Names: what texts mean by them, whatever their case and punctuation, and which are nearest to one that is wrong."""

import re
from collections import defaultdict
from collections.abc import Iterable
from difflib import get_close_matches

_WORD = re.compile(r"[^\W_]+")


class Names:
    """An index of names by their words: "acquired_abnormality" is found as "Acquired abnormality"."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Make the index.

        Args:
            pairs: Each name with what it means; one may have several names, and one name several meanings.
        """
        self._by_words: dict[str, list[str]] = defaultdict(list)
        for words, meaning in sorted({(words_of(name), meaning) for name, meaning in pairs}):
            if words:
                self._by_words[words].append(meaning)
        self._longest = max((words.count(" ") + 1 for words in self._by_words), default=0)

    def meanings(self, name: str) -> list[str]:
        """All that a name means."""
        return self._by_words.get(words_of(name), [])

    def nearest(self, name: str, n: int = 3) -> list[str]:
        """What the names that are most like this one mean."""
        near = get_close_matches(words_of(name), self._by_words, n=n, cutoff=0.6)
        return list(dict.fromkeys(meaning for words in near for meaning in self._by_words[words]))[:n]

    def mentioned(self, text: str) -> list[str]:
        """What a text names, in its order; of names within names the longest, of several meanings the one spelt so."""
        words, found, at = words_of(text).split(), [], 0
        while at < len(words):
            spans = (" ".join(words[at : at + size]) for size in range(min(self._longest, len(words) - at), 0, -1))
            named = next((span for span in spans if span in self._by_words), None)
            if named:
                meanings = self._by_words[named]
                found.append(next((meaning for meaning in meanings if meaning in text), meanings[0]))
            at += named.count(" ") + 1 if named else 1
        return list(dict.fromkeys(found))


def words_of(name: str) -> str:
    """The words of a name, by which it is found."""
    return " ".join(_WORD.findall(name.casefold()))
