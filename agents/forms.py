"""Forms: the fields that an agent's reply must give, and how they are read out of what a model wrote.

A form is a Pydantic model. Prose that ends in lines such as "Answer: 42" is what all models write best, so that is
what is asked for and read first; JSON is read too. What cannot be read is None: nothing is guessed.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from disputatio.question import Question
from disputatio.thought import Thought

F = TypeVar("F", bound="Form")
# Emphasis of Markdown: marks around something, with no letter beside them. Those of a formula (2 * 3*x, a*b*c) or of
# a name (*args, snake_case) are none.
_EMPHASIS = re.compile(
    r"""(?<![^\s("'])(\*{1,3}(?!\*)|_{1,3}(?!_)|`+(?!`))(?=\S)(.{1,300}?)(?<=\S)\1(?=[\s).,:;!?"']|$)"""
)
_DECODER = json.JSONDecoder(parse_constant=lambda name: None)  # NaN and Infinity are no JSON
_HEADING = re.compile(r"^\s*#+\s")
_OPENED = re.compile(r"[\s>-]*([*_`]+)(?=\S)")


def _percent(value: object) -> object:
    """A percentage as it is written ("85%", 85), or a share of one (0.85), which its decimal point tells."""
    text = str(value).strip().removesuffix("%").strip()
    try:
        number = float(text)
    except ValueError:
        return value
    return round(number * 100 if "." in text and number <= 1 else number) if abs(number) < 1e6 else value


def _first_word(value: object) -> object:
    return re.split(r"\W+", value.strip())[0] if isinstance(value, str) else value


Percent = Annotated[int, Field(ge=0, le=100), BeforeValidator(_percent)]
"""A whole number from 0 to 100: weak models can be held to it by a grammar, which a fraction is not."""
YesNo = Annotated[bool, BeforeValidator(_first_word)]
"""Yes or no, with or without a reason behind it."""


def naming(names: Sequence[str]) -> BeforeValidator:
    """Let a field whose type is a Literal of these names be read whatever its case and what follows the name."""

    def match(value: object) -> object:
        said = str(value).strip(" \"'*_[]").casefold()
        found = [name for name in names if re.match(re.escape(name.casefold()) + r"(?!\w)", said)]
        return max(found, key=len, default=value)

    return BeforeValidator(match)


class Form(BaseModel):
    """Base of all reply forms: fields with descriptions. One with a default may be missing or unreadable."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    def __str__(self) -> str:
        """The form as its lines, in the order of the fields; empty ones are left out."""
        return "\n".join(f"{label(name)}: {_shown(value)}" for name, value in self if value not in (None, ""))


class Answered(Form):
    """The form of everyone who answers the question; `answered` narrows it to the question's kind of answer."""

    answer: str = Field(description="your answer, as short as possible")
    confidence: Percent | None = Field(default=None, description="how sure you are, in percent")


def answered(question: Question, seen: Sequence[Thought] = (), base: type[Answered] = Answered) -> type[Answered]:
    """The form of an answer to this question: a letter, a number, yes or no, or a short text."""
    return base if question.answer_type == "text" else _narrowed(question.answer_type, question.labels, base)


@lru_cache(maxsize=64)  # making a class takes longer than all the rest of a turn
def _narrowed(answer_type: str, labels: str, base: type[Answered]) -> type[Answered]:
    schema: dict[str, Any]
    match answer_type:
        case "choice":
            described, schema = f"one letter of {', '.join(labels)}", {"enum": list(labels)}
        case "boolean":
            described, schema = "yes or no", {"enum": ["yes", "no"]}
        case _:
            described, schema = "a number only", {"pattern": r"^-?[0-9]+([./][0-9]+)?$"}
    return create_model("Answered", __base__=base, answer=(str, Field(description=described, json_schema_extra=schema)))


def label(field: str) -> str:
    """The label of a field's line: "another_round" is asked for as "Another round"."""
    return field.replace("_", " ").capitalize()


@lru_cache(maxsize=256)
def lines_of(form: type[Form], *, without: tuple[str, ...] = ()) -> str:
    """The lines that a reply in this form ends with, for the prompt."""
    fields = {name: field for name, field in form.model_fields.items() if name not in without}
    return "\n".join(f"{label(name)}: <{field.description}>" for name, field in fields.items())


def schema_of(form: type[Form], *, longest: int | None = None, without: Collection[str] = ()) -> dict[str, Any]:
    """The JSON schema of a form in the dialect that all servers take: every field required, no defaults, no null.

    Args:
        form: The form.
        longest: Characters that a free text may have; a weak model held to JSON does not find the end of a string.
        without: Fields that are left out.
    """

    def plain(node: Any) -> Any:
        if isinstance(node, list):
            return [plain(item) for item in node]
        if not isinstance(node, dict):
            return node
        options = [option for option in node.get("anyOf", ()) if option != {"type": "null"}]
        if len(options) == 1:
            node = {**node, **options[0]}
            del node["anyOf"]
        kept = {key: plain(value) for key, value in node.items() if key not in ("default", "title")}
        if "properties" in node:
            kept |= {"properties": {key: plain(one) for key, one in node["properties"].items() if key not in without}}
            kept |= {"required": list(kept["properties"])}
        if longest and kept.get("type") == "string" and not kept.keys() & {"enum", "const", "pattern"}:
            kept["maxLength"] = longest
        return kept

    schema: dict[str, Any] = plain(form.model_json_schema())
    return schema


def read(text: str, form: type[F]) -> F | None:
    """The form filled from a reply, or None if the reply does not hold it."""
    filled = (_fill(values, form) for values in _readings(text, form))
    return next((one for one in filled if one is not None), None)


def _readings(text: str, form: type[Form]) -> Iterator[Any]:
    """The values that the text may hold, the likeliest first."""
    yield from _objects(text)
    yield _labelled(text, form)
    yield _listed(text, form)


def _fill(values: Any, form: type[F]) -> F | None:
    """The form with these values; those that cannot be read are left out, unless the form needs them."""
    try:
        return form.model_validate(values)
    except ValidationError as error:
        wrong = {one["loc"][0] for one in error.errors() if one["loc"]}
    needed = {name for name, field in form.model_fields.items() if field.is_required()}
    if not isinstance(values, dict) or not wrong or wrong & needed:
        return None
    return _fill({name: value for name, value in values.items() if name not in wrong}, form)


def _objects(text: str) -> Iterator[Any]:
    """JSON objects in the text, the last first: models quote an example before they answer."""
    for start in [match.start() for match in re.finditer(r"\{", text)][:-20:-1]:
        try:
            yield _DECODER.raw_decode(text, start)[0]
        except (ValueError, RecursionError):
            continue


def _labelled(text: str, form: type[Form]) -> dict[str, Any]:
    """The values behind the last line of each label; a list's items may follow on lines of their own."""
    values: dict[str, Any] = {}
    names = _by_label(form)
    current = None
    for line in text.splitlines():
        bare = unmarked(_HEADING.sub("", line)).strip()
        head, colon, rest = bare.partition(":")
        name = names.get(head.strip(" -*_`>").lower()) if colon else None
        if name:
            current = name
            if opened := _OPENED.match(head):  # an emphasis that ends behind the label: **Answer: **42
                closing = opened[1][::-1]
                rest = rest.strip().removeprefix(closing).removesuffix(closing)
            values[name] = _items(rest) if _is_list(form, name) else _scalar(rest)
        elif current and _is_list(form, current) and bare.strip("*_#` "):
            values[current] += _items(bare)
    return values


def unmarked(text: str) -> str:
    """A line without its emphasis in Markdown; no other mark is taken out of it."""

    def inner(match: re.Match[str]) -> str:
        mark, words = match.groups()
        is_name = mark == "__" and words.isidentifier() and words.islower()  # __init__
        if is_name or words.endswith(mark[0]):
            return match[0]
        return words if mark[0] == "`" else unmarked(words)

    return _EMPHASIS.sub(inner, text) if "*" in text or "_" in text or "`" in text else text


@lru_cache(maxsize=256)
def _by_label(form: type[Form]) -> Mapping[str, str]:
    return {label(name).lower(): name for name in form.model_fields}


def _listed(text: str, form: type[Form]) -> dict[str, Any]:
    """The numbered or bulleted lines of a text, for a form that is one list."""
    name, *rest = form.model_fields
    marked = re.findall(r"(?m)^\s*(?:[-*\u2022]|\(?\d+[.):])\s+(.+)$", text)
    items = [item for item in (unmarked(one).strip() for one in marked) if item.strip("*")]
    return {name: items} if items and not rest and _is_list(form, name) else {}


@lru_cache(maxsize=256)
def _is_list(form: type[Form], name: str) -> bool:
    return str(form.model_fields[name].annotation).startswith(("list", "tuple"))


def _items(text: str) -> list[str]:
    item = re.sub(r"^\s*(?:[-*\u2022]|\(?\d+[.):])\s*", "", text).strip()
    return [item] if item and item.lower() not in ("none", "-") else []


def _scalar(text: str) -> str:
    text = text.strip()
    return text[1:-1].strip() if text[:1] == "<" and text[-1:] == ">" else text


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return "".join(f"\n{number}. {item}" for number, item in enumerate(value, 1))
    return str(value)
