"""Forms: the fields that an agent's reply must give, and how they are read out of what a model wrote.

A form is a Pydantic model. Prose that ends in lines such as "Answer: 42" is what all models write best, so that is
what is asked for and read first; JSON is read too. What cannot be read is None: nothing is guessed.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

F = TypeVar("F", bound="Form")


class Form(BaseModel):
    """Base of all reply forms: fields with descriptions, all required so that every schema dialect takes them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __str__(self) -> str:
        """The form as its lines, in the order of the fields."""
        return "\n".join(f"{label(name)}: {_shown(value)}" for name, value in self)


class Answered(Form):
    """The form of everyone who answers the question."""

    answer: str = Field(description="your answer, as short as possible")
    confidence: float = Field(ge=0, le=1, description="how sure you are, from 0 to 1")


def label(field: str) -> str:
    """The label of a field's line: "another_round" is asked for as "Another round"."""
    return field.replace("_", " ").capitalize()


def lines_of(form: type[Form]) -> str:
    """The lines that a reply in this form ends with, for the prompt."""
    return "\n".join(f"{label(name)}: <{field.description}>" for name, field in form.model_fields.items())


def read(text: str, form: type[F]) -> F | None:
    """The form filled from a reply, or None if the reply does not hold it."""
    for values in (*_objects(text), _labelled(text, form)):
        try:
            return form.model_validate(values)
        except ValidationError:
            continue
    return None


def _objects(text: str) -> Iterator[Any]:
    """JSON objects in the text, the last first: models quote an example before they answer."""
    decoder = json.JSONDecoder()
    for start in [match.start() for match in re.finditer(r"\{", text)][:-20:-1]:
        try:
            yield decoder.raw_decode(text[start:])[0]
        except (ValueError, RecursionError):
            continue


def _labelled(text: str, form: type[Form]) -> dict[str, Any]:
    """The values behind the last line of each label; a list's items may follow on lines of their own."""
    values: dict[str, Any] = {}
    names = {label(name).lower(): name for name in form.model_fields}
    current = None
    for line in text.splitlines():
        bare = re.sub(r"[*_#`]+", "", line).strip()
        head, colon, rest = bare.partition(":")
        name = names.get(head.strip(" -").lower()) if colon else None
        if name:
            current = name
            values[name] = _items(rest) if _is_list(form, name) else _scalar(rest)
        elif current and _is_list(form, current) and bare:
            values[current] += _items(bare)
    return values


def _is_list(form: type[Form], name: str) -> bool:
    return str(form.model_fields[name].annotation).startswith(("list", "tuple"))


def _items(text: str) -> list[str]:
    item = re.sub(r"^\s*(?:[-*\u2022]|\(?\d+[.):])\s*", "", text).strip()
    return [item] if item and item.lower() not in ("none", "-") else []


def _scalar(text: str) -> str:
    value = text.strip().strip("<>").strip()
    share = re.fullmatch(r"(\d{1,3}(?:\.\d+)?)\s*%", value)
    return str(float(share.group(1)) / 100) if share else value


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return "".join(f"\n{number}. {item}" for number, item in enumerate(value, 1))
    return str(value)
