"""Question: what goes into a strategy, and how an answer to it is written down and compared."""

import re
from fractions import Fraction
from typing import Literal, Self
from unicodedata import normalize

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

AnswerType = Literal["text", "number", "boolean", "choice"]

_NUMBER = re.compile(
    r"[-+\u2212]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)?(?:\.\d+)?(?:[eE][-+]?\d{1,3})?(?:\s*/\s*\d+)?(?:\s*%)?"
)
_MOTION = re.compile(
    r"(?:should|is|are|was|were|do|does|did|can|could|will|would|must|may|has|have|ought)\s(?!.*\sor\s).*\?",
    re.I | re.S,
)
# Marks that tell no two answers apart. Others do: the sign of a number, C and C++, less and more.
_MARKS = re.compile(r"(?!(?<!\w)[-+](?=\.?\d))(?!(?<=\w)[+#])(?!(?<=\s)[<>=](?=\s))[^\w\s]")
_TRUE = {"yes", "true", "agree", "for", "pro"}
_FALSE = {"no", "false", "disagree", "against", "con"}


class Question(BaseModel):
    """A question or motion, with what is needed to answer it.

    Equal answers written in different ways (0.50 and 1/2, "(b)" and "B") have one canonical form, which is what
    votes count; a text that cannot be read as an answer of the question's type has none, and is an abstention.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    """What is asked; at most 200,000 characters."""
    choices: tuple[str, ...] = ()
    """The closed set of answers, labelled A, B, C, ... in this order; at most 26."""
    context: tuple[str, ...] = ()
    """Documents that belong to the question, shown to every agent."""
    answer_type: AnswerType = "text"
    """How an answer is read; `choice` where there are choices."""
    id: str | None = Field(default=None)
    """The item's name in a data set."""

    @field_validator("text")
    @classmethod
    def _says_something(cls, text: str) -> str:
        text = text.encode("utf-8", "replace").decode().strip()
        if not text:
            raise ValueError("the question is empty")
        if len(text) > 200_000:
            raise ValueError(f"the question has {len(text)} characters, at most 200000 fit")
        return text

    @model_validator(mode="before")
    @classmethod
    def _choices_mean_choice(cls, value: object) -> object:
        if isinstance(value, dict) and value.get("choices"):
            return {"answer_type": "choice", **value}
        return value

    @model_validator(mode="after")
    def _choices_fit(self) -> Self:
        if (self.answer_type == "choice") != bool(self.choices):
            raise ValueError("choices and answer_type 'choice' go together")
        if len(self.choices) > 26:
            raise ValueError(f"got {len(self.choices)} choices, at most 26 have a letter")
        return self

    @classmethod
    def of(cls, question: "Question | str") -> "Question":
        """Take a question as it is, or make one from its text.

        A text that asks for yes or no ("Should cities ...?") gets the answer type boolean, any other one text.
        """
        if isinstance(question, Question):
            return question
        is_motion = isinstance(question, str) and _MOTION.fullmatch(question.strip()) is not None
        return cls(text=question, answer_type="boolean" if is_motion else "text")

    @property
    def labels(self) -> str:
        """The letters of the choices, for example "ABCD"."""
        return "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(self.choices)]

    def __str__(self) -> str:
        """The question as agents read it: documents, text, choices."""
        parts = [f"Document {n}:\n{text}" for n, text in enumerate(self.context, 1)]
        parts.append(f"Question: {self.text}")
        if self.choices:
            pairs = zip(self.labels, self.choices, strict=True)
            parts.append("\n".join(f"{label}) {choice}" for label, choice in pairs))
        return "\n\n".join(parts)

    def canonical(self, text: str | None) -> str | None:
        """The one form in which an answer is counted, or None if `text` cannot be read as an answer."""
        text = (text or "").strip().strip("*_`$\"'[] ").removesuffix(".").strip()
        if not text:
            return None
        match self.answer_type:
            case "number":
                return _number(text)
            case "boolean":
                word = re.match(r"\(?([a-z]+)(?!\s*(?:and|or|/)\s*(?:yes|no|true|false)\b)", text.lower())
                known = {**dict.fromkeys(_TRUE, "yes"), **dict.fromkeys(_FALSE, "no")}
                return known.get(word.group(1)) if word else None
            case "choice":
                return self._choice(text)
            case "text":
                words = _MARKS.sub(" ", normalize("NFC", text.casefold()).replace("\u2212", "-"))
                joined = " ".join(words.split()).strip("_ ")
                return joined if re.search(r"\w", joined) else None

    def _choice(self, text: str) -> str | None:
        letter = re.fullmatch(r"(?:option|choice)?\s*\(?([A-Za-z])\)?(?:[).:\]\s-].*)?", text, re.DOTALL | re.I)
        exact = [
            label
            for label, choice in zip(self.labels, self.choices, strict=True)
            if choice.strip().casefold() == text.casefold()
        ]
        if len(exact) == 1:
            return exact[0]
        if letter and letter.group(1).upper() in self.labels:
            # "A dog" begins with the letter A without choosing it.
            rest = text[letter.end(1) :]
            return letter.group(1).upper() if not rest or rest[0] in ").:-]" else None
        return None


def _number(text: str) -> str | None:
    """The only number in the text, in lowest terms; separators of thousands, units and currency signs are ignored."""
    found = [match.group() for match in _NUMBER.finditer(text) if re.search(r"\d", match.group())]
    if len(found) != 1:
        return None
    digits = found[0].replace(",", "").replace("\u2212", "-").replace(" ", "")
    percent, digits = digits.endswith("%"), digits.removesuffix("%")
    numerator, _, denominator = digits.partition("/")
    try:
        value = str(Fraction(numerator) / Fraction(denominator or 1))
    except (ValueError, ZeroDivisionError):  # ValueError also for more digits than Python writes out
        return None
    return f"{value}%" if percent else value
