"""Building: an item from a record, whatever its key is: a number, a choice, a query, a grid."""

import json
import re
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from disputatio.errors import ConfigurationError
from disputatio.evals.items import Item
from disputatio.evals.tasks.reading import KEYS, Record, filled, prose
from disputatio.question import AnswerType, Question

SCORERS: Mapping[str, str] = {
    "number": "number",
    "choice": "choice",
    "boolean": "choice",
    "text": "text",
    "text_list": "set",
    "math": "math",
    "expression": "expression",
    "code": "code",
    "sql": "sql",
    "grid": "grid",
    "first_error_step": "first_error",
    "error_line": "text",
    "tool_call": "tool_calls",
    "plan": "plan",
}
"""Which scorer a target of each type has, unless the record names one."""
FRAMES: Mapping[str, str] = {
    "text_list": "{question}\n\nName all of them, separated by semicolons.",
    "code": "Complete this Python function, and give the whole of it.\n\n{question}",
    "sql": "{question}\n\nWrite one query for SQLite that answers this.",
    "first_error_step": "{question}\n\nThe document is a solution of this in steps. Which step is the first wrong "
    "one? Answer with its number, or with none.",
    "error_line": "{question}\n\nThe document is a solution of this. Which line is the first wrong one? Answer "
    "with the line, or with none.",
    "tool_call": "{question}\n\nThe document lists functions. Which of them are to be called with which arguments? "
    "Answer with a JSON list on one line, in which each call is an object with a name and with arguments, which are an "
    "object; or with no_call if none fits.",
    "plan": "{question}\n\nThe actions are: pick up the A block; put down the A block; stack the A block on top of the "
    "B block; unstack the A block from on top of the B block. Only a clear block can be picked up, from the table, or "
    "unstacked, and only with an empty hand; only the block in the hand can be put down, or stacked on a clear block. "
    "Answer with all actions in order on one line, separated by semicolons.",
}
"""How a question is asked so that an answer has the form that the scorer reads."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_YES = {"yes": "yes", "true": "yes", "no": "no", "false": "no"}
_LABEL = re.compile(r"\(?([A-Za-z])[).:]\s*")
_OPTIONS = re.compile(r"\s*\bOptions:\s*\n((?:(?:\([A-Z]\)|-) ?.*(?:\n|$))+)\s*$")
_NUMBER = re.compile(r"[-+]?\$?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?%?")


def item_of(record: Record, *, name: str, fixed: Mapping[str, str], folder: Path | None = None) -> Item:
    """Make the item that a record states.

    Args:
        record: In the form of `reading`, with an id.
        name: The task's name.
        fixed: What all items of the task have; see datasets.toml.
        folder: Where files lie that records name.

    Raises:
        ConfigurationError: If the record says too little, or what makes no item.
    """
    _check(record)
    text, choices, labels = _options(record, fixed)
    answer = record["answer"]
    kind = "choice" if choices else str(record.get("target_type") or _guessed(answer))
    fields = record.get("fields") or {}
    closed = kind == "choice" and _closed(choices)
    if kind == "choice":
        place = _chosen(answer, labels, choices)
        answer = choices[place] if closed else LETTERS[place]
    frame = fixed.get("question") or ("{question}" if "scorer" in record else FRAMES.get(kind, "{question}"))
    answer_type: AnswerType = "boolean" if closed or kind == "boolean" else "number" if kind == "number" else "text"
    parameters = _parameters(kind, record, fields, fixed, folder) | (record.get("parameters") or {})
    many = bool(choices) and not closed and kind == "choice"
    return Item(
        id=str(record["id"]),
        question=Question(
            id=str(record["id"]),
            text=prose(filled(frame, {**record, "question": text})),
            choices=tuple(choices) if many else (),
            context=_context(record, fields, folder, parameters.get("database")),
            answer_type="choice" if many else answer_type,
        ),
        target=answer,
        scorer=record.get("scorer") or fixed.get("scorer") or _scorer(kind),
        parameters=parameters,
        meta={**fields, "task": fields.get("task", name), **_reason(record, fields, fixed)},
    )


def _reason(record: Record, fields: Record, fixed: Mapping[str, str]) -> Record:
    """The true reason of a first wrong step, where it is known, as one text."""
    said = fields.get("reason") or (filled(fixed["reason"], record) if "reason" in fixed else None)
    return {"reason": prose(said)} if said else {}


def _check(record: Record) -> None:
    missing = [key for key in ("question", "answer") if record.get(key) in (None, "", [])]
    surplus = sorted(set(record) - KEYS)
    if missing or surplus:
        wrong = f"it has no {' and no '.join(missing)}" if missing else f"nothing reads {', '.join(surplus)}"
        raise ConfigurationError(f"{wrong}; keys are {', '.join(sorted(KEYS))}")
    for key in ("fields", "parameters"):
        if not isinstance(record.get(key) or {}, dict):
            raise ConfigurationError(f"{key} is an object, not {record[key]!r}")


def _scorer(kind: str) -> str:
    if kind not in SCORERS:
        raise ConfigurationError(f"no scorer reads targets of type {kind!r}; known: {', '.join(SCORERS)}")
    return SCORERS[kind]


def _options(record: Record, fixed: Mapping[str, str]) -> tuple[str, list[str], list[str]]:
    """The question without its options, their texts, and the labels that they have in the record."""
    text, listed = prose(record["question"]), record.get("choices") or []
    if isinstance(listed, str):
        listed = [listed]
    if not listed and "options" in fixed and (found := re.search(fixed["options"], text)):
        # The answer may be a sentence around the option.
        return text, list(found.groups()), []
    if not listed and "target_type" not in record and (found := _OPTIONS.search(text)):
        text, listed = text[: found.start()], [line.removeprefix("- ") for line in found[1].strip().splitlines()]
    if all(isinstance(one, dict) for one in listed):
        return text, [str(one["text"]) for one in listed], [str(one["label"]) for one in listed]
    texts = [prose(one) for one in listed]
    marks = [_LABEL.match(one) for one in texts]
    letters = [mark[1].upper() for mark in marks if mark]
    if letters == list(LETTERS[: len(texts)]):
        texts = [_LABEL.sub("", one, count=1) for one in texts]
    return text, texts, []


def _guessed(answer: Any) -> str:
    if isinstance(answer, list):
        return "grid" if all(isinstance(one, list) for one in answer) else "text_list"
    written = str(answer).strip()
    if written.casefold() in _YES:
        return "boolean"
    return "number" if re.search(r"\d", written) and _NUMBER.fullmatch(written) else "text"


def _closed(options: list[str]) -> bool:
    return sorted(one.casefold() for one in options) in (["no", "yes"], ["false", "true"])


def _chosen(answer: Any, labels: list[str], choices: list[str]) -> int:
    """The place of the choice that an answer names: by label, text, letter or place from 0, or in a sentence."""
    written = str(answer).strip()
    plain = written.strip("()").casefold()
    tests: list[Callable[[int], bool]] = [
        lambda place: bool(labels) and labels[place].casefold() == written.casefold(),
        lambda place: choices[place].casefold() == written.casefold(),
        lambda place: LETTERS[place].casefold() == plain,
        lambda place: written == str(place),
        lambda place: re.search(rf"\b{re.escape(choices[place])}\b", written) is not None,
    ]
    for test in tests:
        found = [place for place in range(min(len(choices), len(LETTERS))) if test(place)]
        if len(found) == 1:
            return found[0]
    raise ConfigurationError(f"the answer {answer!r} is none of the choices")


def _context(record: Record, fields: Record, folder: Path | None, database: object) -> tuple[str, ...]:
    if folder and isinstance(fields.get("document"), str):
        return ((folder / Path(fields["document"]).name).read_text(encoding="utf-8"),)
    if database and not record.get("context"):
        with closing(sqlite3.connect(f"{Path(str(database)).as_uri()}?mode=ro", uri=True)) as connection:
            made = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        return (";\n".join(statement for (statement,) in made),)
    context = record.get("context") or "\n".join(json.dumps(one) for one in fields.get("functions") or ())
    return () if not context else (prose(context),)


def _parameters(
    kind: str, record: Record, fields: Record, fixed: Mapping[str, str], folder: Path | None
) -> dict[str, Any]:
    match kind:
        case "number":
            return {key: fields[key] for key in ("lower", "upper") if fields.get(key) not in (None, "")}
        case "expression":
            return {"numbers": [int(one) for one in re.findall(r"\d+", str(fields.get("numbers", "")))]}
        case "code":
            test = prose(filled(fixed["test"], record)) if "test" in fixed else prose(fields.get("test", ""))
            return {"prompt": record["question"], "test": test}
        case "tool_call":
            return {"functions": fields["functions"]} if "functions" in fields else {}
        case "plan":
            return {key: fields[key] for key in ("init", "goal") if key in fields}
        case "sql":
            return _database(record, fields, folder)
        case _:
            return {}


def _database(record: Record, fields: Record, folder: Path | None) -> dict[str, Any]:
    name = re.sub(r"\W", "", str(fields.get("db_id", "")))
    path = folder / "database" / name / f"{name}.sqlite" if folder and name else None
    if path and path.is_file():
        return {"database": str(path.absolute())}
    return {"schema": prose(record.get("context") or "")}
