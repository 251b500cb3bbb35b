"""Scorers of words: a choice, yes or no, a text, and how many words two texts share."""

from collections import Counter
from collections.abc import Sequence

from disputatio.errors import ConfigurationError
from disputatio.evals.items import Item
from disputatio.evals.scorers.score import Score, scored
from disputatio.question import Question
from disputatio.thought import Answer

_IN_WORDS = Question(text="What is it?")
_ARTICLES = {"a", "an", "the"}
_CLOSED = {"yes", "no", "noanswer"}


def choice(item: Item, answer: Answer) -> Score:
    """One of the choices, or yes or no: right if both have the same canonical form (see `Question.canonical`).

    The target is a label, the text of a choice, or yes, no, true or false.
    """
    target = item.target
    right = item.question.canonical({True: "yes", False: "no"}[target] if isinstance(target, bool) else str(target))
    if right is None:
        raise ConfigurationError(f"item {item.id!r}: the target {item.target!r} is none of its answers")
    return scored(answer.value == right, f"{answer.value!r} against {right!r}")


def text(item: Item, answer: Answer) -> Score:
    """A text, or any of several: right if the words are the same, whatever their case, marks and articles.

    Marks that tell answers apart count: the sign of a number, C and C++.
    """
    said = " ".join(words(answer.text or answer.value or ""))
    right = [" ".join(words(one)) for one in targets(item)]
    return scored(said in right, f"{said!r} against {' or '.join(map(repr, right))}")


def f1(item: Item, answer: Answer) -> Score:
    """The harmonic mean of precision and recall of the words of a text, best of several targets.

    After Rajpurkar et al. 2016, arXiv:1606.05250, section 6.1; where either side is yes, no or noanswer only the same
    counts, as in HotpotQA (Yang et al. 2018, arXiv:1809.09600).
    """
    said = words(answer.text or answer.value or "")
    value, against = max((_f1(said, words(one)), one) for one in targets(item))
    return scored(value, f"F1 {value:.3f} against {against!r}")


def targets(item: Item) -> list[str]:
    """The texts of a target that is a text or a list of them.

    Raises:
        ConfigurationError: If there is none, or one has no words.
    """
    found = item.target if isinstance(item.target, list) else [item.target]
    texts = [str(one) for one in found if isinstance(one, str | int | float)]
    if not texts or len(texts) < len(found) or not all(words(one) for one in texts):
        raise ConfigurationError(f"item {item.id!r}: the target {item.target!r} is no text and no list of texts")
    return texts


def words(text: str) -> list[str]:
    """The words of a text in canonical form, without articles unless there is nothing else."""
    found = (_IN_WORDS.canonical(text) or "").split()
    return [word for word in found if word not in _ARTICLES] or found


def _f1(said: Sequence[str], right: Sequence[str]) -> float:
    if said != right and (" ".join(said) in _CLOSED or " ".join(right) in _CLOSED):
        return 0.0
    shared = sum((Counter(said) & Counter(right)).values())
    return 2 * shared / (len(said) + len(right)) if shared else 0.0
