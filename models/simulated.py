"""A simulated model: it answers as a language model with known properties would.

With it laws can be checked, and what a strategy would gain and cost can be estimated before anything is paid for. It
reads the prompts that agents really write and recognises what it is asked to be by the form of the reply. With
p the accuracy on the question, h the hit and a the false-alarm rate of whoever checks:

- **Alone** it gives the right answer with probability p, else a wrong one: the popular one with the probability
  `popular`, else one of the others, all alike. Without `popular`, all wrong answers are alike. With a `spread` s, p
  differs between questions by a beta distribution of mean `accuracy` and standard deviation s.
- **Having read others' answers** it adopts the most frequent one with the probability `conformity`; a tie is decided
  by its own earlier answer, else drawn. Otherwise one who had answered before looks through the own answer as a
  critic would, doubts it with probability h if it is wrong and a if it is right, and answers anew if it does. Without
  conformity its accuracy so becomes p + p (1 - p) (h - a). Answers that a verdict refuted are not given again. It
  disputes those of another answer whose answer it finds fault with, with the same h and a.
- **The judge** takes the answer that was shown first with probability `position_bias`. Otherwise, where it does not
  conform, it chooses among the answers shown, with the odds that it would give each alone. So it does between two
  responses, where it prefers the first with probability `position_bias`.
- **The critic** wants another round with probability h if the most frequent answer is wrong, a if it is right.
- **The verifier** refutes a wrong answer with probability h and a right one with probability a. Its score is the
  probability of being right, by Bayes: p (1 - a) / (p (1 - a) + (1 - p) (1 - h)) for what it supports,
  p a / (p a + (1 - p) h) for what it refutes. Of what gives no answer it says that it is undecided.
- **Voters** approve of an answer with probability 1 - h if it is wrong and 1 - a if it is right, and rank answers by
  drawing one after the other with the odds of giving them alone (Plackett and Luce).
- **The claim extractor** lists who gave which answer. Plans, reasons and replies are words without meaning.
- Its stated confidence is p, whatever it answers. Stances and personas do not move it, and it uses no tools.

Truth, difficulty and the popular wrong answer belong to the question: simulated models of all settings agree on them.
Replies are independent draws for different seeds, authors and prompts. The same request with the same seed, or at
temperature 0, has the same reply; requests without a seed are successive samples. Tokens are words times 4/3.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from hashlib import blake2b
from math import ceil
from typing import Any

from disputatio.budget import Usage
from disputatio.errors import ConfigurationError, ModelUnavailableError, UnsupportedError, unknown
from disputatio.model import Profile, Reply, Request
from disputatio.models.simulated_prompt import read_prompt
from disputatio.models.simulated_reply import dice, reply_to
from disputatio.question import Question

_SETTINGS: Mapping[str, type[int] | type[float]] = {
    **dict.fromkeys(("accuracy", "spread", "popular", "conformity", "position_bias"), float),
    **dict.fromkeys(("critic_hit", "critic_alarm", "verifier_hit", "verifier_alarm"), float),
    **dict.fromkeys(("unreadable", "fault_rate", "latency"), float),
    **dict.fromkeys(("wrong_answers", "words", "seed"), int),
}
"""What a model string can set."""
_NO_SHARE = ("spread", "latency", "wrong_answers", "words", "seed")


@dataclass(kw_only=True)
class SimulatedModel:
    """A `Model` with known properties; the module's docstring has the formulas. All rates are from 0 to 1.

    By default it finds no fault with anything, so that nothing but the number of answers can help.

    Raises:
        ConfigurationError: If a setting is out of range.
    """

    accuracy: float | Mapping[str, float] | Callable[[str], float] = 0.7
    """How likely it is right when it answers alone: one number, or a number for the text of each question."""
    spread: float = 0.0
    """Standard deviation of the accuracy between questions; its square is below accuracy * (1 - accuracy)."""
    answers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The answers to known questions by their texts: the right one, then the wrong ones, the popular one first. Of
    other questions, choices and yes or no have a made-up truth, and the answers to all others are numbers."""
    wrong_answers: int = 3
    """How many wrong answers a question has that is neither known nor closed."""
    popular: float | None = None
    """Share of its errors that fall on the popular wrong answer; None is the same for all."""
    conformity: float = 0.0
    position_bias: float = 0.0
    critic_hit: float = 0.0
    critic_alarm: float = 0.0
    verifier_hit: float = 0.0
    verifier_alarm: float = 0.0
    unreadable: float = 0.0
    """Share of replies that lack what the form asks for."""
    fault_rate: float = 0.0
    """Share of requests that fail at once, with ModelUnavailableError; one that is made again is drawn again."""
    words: int = 60
    """Length of the prose of a reply; a field of free text has 12 words."""
    latency: float = 0.0
    """Seconds that a reply takes."""
    seed: int = 0
    profile: Profile = field(default_factory=lambda: Profile(features=frozenset(("schema", "n", "seed", "thinking"))))
    faults: int = field(default=0, init=False)
    """How many requests have failed so far."""
    _met: Counter[bytes] = field(default_factory=Counter, init=False, repr=False)
    """How often each request that can be drawn again was made."""

    def __post_init__(self) -> None:
        for name in _SETTINGS:
            value = getattr(self, name)
            if name not in _NO_SHARE and isinstance(value, int | float) and not 0 <= value <= 1:
                raise ConfigurationError(f"the simulated model's {name} is from 0 to 1, not {value}")
        for name, least in (("wrong_answers", 1), ("words", 1), ("spread", 0), ("latency", 0)):
            if not least <= getattr(self, name) < float("inf"):
                raise ConfigurationError(f"the simulated model's {name} is at least {least}, not {getattr(self, name)}")
        if self.spread and not isinstance(self.accuracy, int | float):
            raise ConfigurationError("a spread goes with one accuracy, not with one for each question")
        if isinstance(self.accuracy, int | float) and 0 < self.accuracy * (1 - self.accuracy) <= self.spread**2:
            raise ConfigurationError(f"no accuracies have mean {self.accuracy} and standard deviation {self.spread}")

    @classmethod
    def of(cls, settings: str) -> "SimulatedModel":
        """Make one from its settings: "accuracy=0.6,seed=1"; what is not set has its default.

        Raises:
            ConfigurationError: If a setting is unknown, given twice or out of range.
        """
        given: dict[str, Any] = {}
        for text in filter(None, (part.strip() for part in settings.split(","))):
            name, value = (part.strip() for part in text.partition("=")[::2])
            if name not in _SETTINGS:
                raise unknown("property of the simulated model", name, _SETTINGS)
            if name in given:
                raise ConfigurationError(f"the simulated model's {name} is given twice")
            try:
                given[name] = _SETTINGS[name](value)
            except ValueError as error:
                kind = "a whole number" if _SETTINGS[name] is int else "a number"
                raise ConfigurationError(f"the simulated model's {name} is {kind}, not {value!r}") from error
        return cls(**given)

    @property
    def name(self) -> str:
        """The string that makes it: "sim:accuracy=0.6,seed=1"; questions and what is set for each are left out."""
        plain = [one for one in fields(self) if one.name in _SETTINGS]
        differing = [(one.name, getattr(self, one.name)) for one in plain if getattr(self, one.name) != one.default]
        return "sim:" + ",".join(f"{name}={value}" for name, value in differing if isinstance(value, int | float))

    def chances(self, question: Question) -> dict[str, float]:
        """How likely it gives each answer when it answers alone, by canonical form; the right one comes first.

        Raises:
            ConfigurationError: If there is no accuracy for this question, or a known answer cannot be read.
        """
        right, *wrong = self.known(question)
        if not wrong:
            return {right: 1.0}
        chance = self.chance(question)
        shares = [1 / len(wrong)] * len(wrong)
        if self.popular is not None and len(wrong) > 1:
            shares = [self.popular] + [(1 - self.popular) / (len(wrong) - 1)] * (len(wrong) - 1)
        return {right: chance, **{one: (1 - chance) * share for one, share in zip(wrong, shares, strict=True)}}

    def chance(self, question: Question) -> float:
        """How likely it is right about this question when it answers alone."""
        if isinstance(self.accuracy, int | float):
            variance = self.accuracy * (1 - self.accuracy)
            if not self.spread or not variance:
                return float(self.accuracy)
            size = variance / self.spread**2 - 1
            draw = dice("difficulty", question.text)
            easy, hard = (draw.gammavariate(one * size, 1) for one in (self.accuracy, 1 - self.accuracy))
            # For tiny sizes both are too small for a float; their beta distribution is then one of 0 and 1.
            return easy / (easy + hard) if easy + hard else float(draw.random() < self.accuracy)
        given = self.accuracy(question.text) if callable(self.accuracy) else self.accuracy.get(question.text)
        if given is None or not 0 <= given <= 1:
            raise ConfigurationError(f"the accuracy for {question.text[:80]!r} is from 0 to 1, not {given}")
        return given

    def known(self, question: Question) -> dict[str, str]:
        """The possible answers, canonical form to words, the right one first."""
        if question.text in self.answers:
            words = self.answers[question.text]
            known = {question.canonical(one): one for one in words}
            if None in known or len(known) < max(len(words), 2):
                raise ConfigurationError(
                    f"the answers {list(words)} to {question.text[:80]!r} are not two or more different ones of type "
                    f"{question.answer_type!r}"
                )
            return {value: one for value, one in known.items() if value is not None}
        draw = dice("truth", question.text)
        if question.answer_type in ("choice", "boolean"):
            options = list(question.labels) if question.choices else ["yes", "no"]
            draw.shuffle(options)
        else:
            right = draw.randrange(100, 1000)
            options = [str(right + number) for number in range(self.wrong_answers + 1)]
        return {option: option for option in options}

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        """Answer one request; see `Model.complete`.

        Raises:
            ModelUnavailableError: As often as the fault rate says.
            UnsupportedError: If tools, log-probabilities or stop texts are asked for.
        """
        for feature in sorted(request.needs - self.profile.features):
            raise UnsupportedError(f"the simulated model knows no {feature}", feature=feature)
        prompt = read_prompt(request, [*self.answers, *(self.accuracy if isinstance(self.accuracy, Mapping) else ())])
        key, first = self._draw(request)
        await asyncio.sleep(self.latency)
        step = 0 if request.temperature == 0 else 1
        texts = [reply_to(prompt, self, dice("reply", key, first + step * number)) for number in range(request.n)]
        kept = [_shortened(text, request.max_tokens) for text in texts]
        if on_text:
            on_text(kept[0])
        read = sum(_tokens(message["content"]) for message in request.messages)
        usage = Usage(calls=1, prompt_tokens=read, completion_tokens=sum(map(_tokens, kept)))
        whole = kept[0] == texts[0]
        return Reply(text=kept[0], others=tuple(kept[1:]), usage=usage, finish_reason="stop" if whole else "length")

    def _draw(self, request: Request) -> tuple[bytes, int]:
        """What the reply depends on: the request, and the number of the sample where it may differ."""
        seed = None if request.temperature == 0 else request.seed
        said = [(message["role"], message["content"]) for message in request.messages]
        key = blake2b(repr((self.seed, seed, said)).encode(), digest_size=16).digest()
        if self.fault_rate:
            self._met[key + b"asked"] += 1
            if dice("fault", key, self._met[key + b"asked"]).random() < self.fault_rate:
                self.faults += 1
                raise ModelUnavailableError(f"{self.name} failed, as it was set to")
        if request.temperature == 0 or request.seed is not None:
            return key, 0
        self._met[key] += request.n
        return key, self._met[key] - request.n


def _shortened(text: str, max_tokens: int) -> str:
    """The beginning of a text that has at most so many tokens."""
    ends = [word.end() for word in re.finditer(r"\S+", text)]
    most = max_tokens * 3 // 4
    return text if len(ends) <= most else text[: ends[most - 1] if most else 0]


def _tokens(text: str) -> int:
    return ceil(len(text.split()) * 4 / 3)
