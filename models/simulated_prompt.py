"""What the simulated model reads in a prompt: the question, the form of the reply, and the answers that are shown.

It knows no more of an agent than a language model does: the text of its prompt.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from disputatio.model import Request
from disputatio.question import AnswerType, Question

_FIELD = re.compile(r"^([A-Z][a-z ]*): <(.*)>$", re.MULTILINE)
_ASKED = re.compile(r"(?:^.*:\n)?^[A-Z][a-z ]*: <.*>$", re.MULTILINE)
"""The first line of the form, with the line that leads to it."""
_SPEAKER = re.compile(r"^\[([^\]\n]+)\] ", re.MULTILINE)
_CHOICE = re.compile(r"^[A-Z]\) (.*)$", re.MULTILINE)
_ANSWER = re.compile(r"^[*_ ]*Answer[*_ ]*:[*_ ]*(.+?)[*_ ]*$", re.MULTILINE | re.IGNORECASE)
_CLAIMED = re.compile(r"\bthe answer is (.+?)\"?\.?$", re.MULTILINE | re.IGNORECASE)
_REFUTED = re.compile(r'^On ".*\bthe answer is (.+?)\.?": .*^\W*Verdict\W*:\W*refuted', re.DOTALL | re.MULTILINE)
_BALLOT = re.compile(r"answers were given:\n((?:\d+\. .*\n?)+)")
_NUMBERED = re.compile(r"^\d+\. (.*)$", re.MULTILINE)
_HOW_MANY = re.compile(r"(?:list of|at most) (\d+)")


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A prompt, as far as the simulated model understands it. Answers are canonical."""

    question: Question
    fields: Mapping[str, str]
    """What the reply must give: label to description, in order."""
    properties: Mapping[str, Any]
    """The JSON schema of each field, by label; empty where the reply is not held to one."""
    shown: Mapping[str, str]
    """The latest answer of each author in the transcript, in the order in which they first spoke."""
    reader: str
    """Which of these authors is asked; empty if it is none of them."""
    stated: str | None
    """The answer that the last statement gives or claims."""
    refuted: frozenset[str]
    """Answers that a verdict in the transcript refuted."""
    ballot: tuple[str, ...]
    """The answers that are voted on."""
    judging: bool
    """Whether the reader is told that it is the judge."""
    items: int
    """How many items a list should have."""

    @property
    def own(self) -> str | None:
        """The answer that the reader itself gave before."""
        return self.shown.get(self.reader)


def read_prompt(request: Request, known: Iterable[str] = ()) -> Prompt:
    """Read a request.

    Args:
        request: What is asked.
        known: Texts of questions that are known, which may go over several paragraphs; of any other question the
            first paragraph counts.
    """
    said = "\n\n".join(one["content"] for one in request.messages if one["role"] == "user")
    fields = dict(_FIELD.findall(request.messages[-1]["content"]))
    properties = {_label(name): node for name, node in (request.schema or {}).get("properties", {}).items()}
    fields = {**{name: str(node.get("description", "")) for name, node in properties.items()}, **fields}
    text, rest = _question(_ASKED.split(said)[0], known)
    choices = tuple(_CHOICE.findall(rest.partition("\n\n")[0])) if rest.startswith("A) ") else ()
    _, *spoken = _SPEAKER.split(rest)
    blocks = list(zip(spoken[::2], spoken[1::2], strict=True))
    given = {author: found[-1] for author, block in blocks if (found := _ANSWER.findall(block))}
    statement = blocks[-1][1] if blocks else ""
    stated = [*_CLAIMED.findall(statement), *_ANSWER.findall(statement)]
    question = _typed(text, choices, _answer_type(fields, choices, [*given.values(), *stated]))
    shown = {author: held for author, answer in given.items() if (held := question.canonical(answer)) is not None}
    refuted = {question.canonical(claim) for _, block in blocks for claim in _REFUTED.findall(block)}
    listed = _BALLOT.search(rest)
    instruction = rest.strip().rpartition("\n\n")[2]
    return Prompt(
        question=question,
        fields=fields,
        properties=properties,
        shown=shown,
        reader=_reader(instruction, shown),
        stated=question.canonical(stated[-1]) if stated else None,
        refuted=frozenset(claim for claim in refuted if claim is not None),
        ballot=tuple(question.canonical(one) or one for one in _NUMBERED.findall(listed[1])) if listed else (),
        judging="Upholds" in fields or "you are the judge" in instruction.lower(),
        items=_items(rest, instruction),
    )


def _label(name: str) -> str:
    """The label of a field's line, as forms write it."""
    return name.replace("_", " ").capitalize()


def _question(said: str, known: Iterable[str]) -> tuple[str, str]:
    """The question's text, and all that comes after it."""
    for text in sorted(known, key=len, reverse=True):
        before, found, rest = said.partition(f"Question: {text}\n")
        if found and (not before or before.endswith("\n")):
            return text, rest.lstrip()
    asked = re.search(r"^Question: ", said, re.MULTILINE)
    text, _, rest = said[asked.end() if asked else 0 :].strip().partition("\n\n")
    return text.strip() or "?", rest.lstrip()


def _answer_type(fields: Mapping[str, str], choices: tuple[str, ...], given: Iterable[str]) -> AnswerType:
    """How answers are read: by the choices, else by what the form says of an answer, else by those that were given."""
    if choices:
        return "choice"
    described = fields.get("Answer", "")
    words = {answer.casefold() for answer in given}
    if described.startswith("yes or no") or (not described and words and words <= {"yes", "no"}):
        return "boolean"
    return "number" if described.startswith("a number") else "text"


@lru_cache(maxsize=256)
def _typed(text: str, choices: tuple[str, ...], answer_type: AnswerType) -> Question:
    return Question(text=text, choices=choices, answer_type=answer_type)


def _reader(instruction: str, authors: Iterable[str]) -> str:
    """Which of the authors the instruction speaks to: "You are the opponent and speak against the motion."."""
    told = [name for name in authors if re.search(rf"\bYou are (?:the )?{re.escape(name)}(?!\w)", instruction)]
    return max(told, key=len, default="")


def _items(rest: str, instruction: str) -> int:
    """How many items are asked for, in numbers or by a numbered list to reply to."""
    asked = _HOW_MANY.search(instruction)
    _, replying, objections = rest.partition("objections stand against it:\n")
    if replying:
        return len(_NUMBERED.findall(objections))
    return int(asked[1]) if asked else 3
