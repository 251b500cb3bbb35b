"""What the simulated model replies: one function a role, by the formulas in `disputatio.models.simulated`."""

import json
from collections import Counter
from collections.abc import Collection, Mapping
from hashlib import blake2b
from random import Random
from typing import TYPE_CHECKING, Any

from disputatio.errors import ModelError
from disputatio.models.simulated_prompt import Prompt

if TYPE_CHECKING:
    from disputatio.models.simulated import SimulatedModel

_TEXT = """\
after again all always and any as because before both but by case cause certain change clear common costs each effect
even evidence few first follows for from given however if in it its less likely matter may more most much no not of on
once one only or other part people point reason second should since some still such than that then there these this
time to two under when where which while with without would"""
_WORDS = _TEXT.split()
_FIELD_WORDS = 12
_SENTENCE = 12


def dice(*key: object) -> Random:
    """Random numbers that depend on the key and on nothing else."""
    return Random(blake2b(repr(key).encode(), digest_size=8).digest())


def reply_to(prompt: Prompt, model: "SimulatedModel", draw: Random) -> str:
    """The whole reply: prose that ends in the form's lines, or JSON where it is held to a schema.

    Raises:
        ModelError: If a field of the schema is of a kind that is not known.
    """
    if not prompt.fields or draw.random() < model.unreadable:
        return prose(model.words, draw)
    values: dict[str, Any] = {}
    for label in prompt.fields:
        values[label] = _value(label, prompt, values, model, draw)
    if prompt.properties or "Use" in values:
        return json.dumps({label.lower().replace(" ", "_"): value for label, value in values.items()})
    lines = [f"{label}: {_line(value)}" for label, value in values.items()]
    return "\n".join([prose(model.words, draw), "", *lines])


def prose(words: int, draw: Random) -> str:
    """So many words in sentences."""
    drawn = draw.choices(_WORDS, k=words)
    sentences = [drawn[start : start + _SENTENCE] for start in range(0, words, _SENTENCE)]
    return " ".join(f"{' '.join(sentence).capitalize()}." for sentence in sentences)


def _line(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "".join(f"\n{number}. {item}" for number, item in enumerate(value, 1)) or "none"
    return str(value)


def _value(label: str, prompt: Prompt, values: Mapping[str, Any], model: "SimulatedModel", draw: Random) -> Any:  # noqa: C901 - one line a field
    """What a field is given, knowing those before it."""
    match label:
        case "Answer":
            answer = _answer(prompt, model, draw)
            return model.known(prompt.question).get(answer, answer)
        case "Confidence":
            return round(100 * model.chance(prompt.question))
        case "Verdict":
            return _verdict(prompt, model, draw)
        case "Score":
            return _score(values.get("Verdict"), prompt, model)
        case "Another round":
            return bool(prompt.shown) and _doubts(_most(prompt.shown, None, draw), prompt, model, draw)
        case "Claims":
            return [f"{author}: the answer is {held}" for author, held in prompt.shown.items()][: prompt.items]
        case "Upholds":
            held = prompt.question.canonical(str(values.get("Answer")))
            return next((author for author, other in prompt.shown.items() if other == held), "none")
        case "Disputes":
            held = prompt.question.canonical(str(values.get("Answer")))
            others = [author for author, other in prompt.shown.items() if other != held and author != prompt.reader]
            return [author for author in others if _doubts(prompt.shown[author], prompt, model, draw)]
        case "Approved":
            return _approved(prompt, model, draw)
        case "Ranking":
            return _ranked(prompt, model, draw)
        case "Preference":
            return _preference(prompt, model, draw)
        case "Use":
            return {"tool": "none"}
        case _:
            return _filled(prompt.fields[label], prompt.properties.get(label, {}), prompt.items, draw)


def _answer(prompt: Prompt, model: "SimulatedModel", draw: Random) -> str:
    chances = model.chances(prompt.question)
    anew = {answer: chance for answer, chance in chances.items() if answer not in prompt.refuted} or chances
    standing = {author: held for author, held in prompt.shown.items() if held not in prompt.refuted} or prompt.shown
    if not standing:
        return _drawn(anew, draw)
    if prompt.judging and draw.random() < model.position_bias:
        return next(iter(standing.values()))
    if draw.random() < model.conformity:
        return _most(standing, prompt.own, draw)
    if prompt.judging:
        return _drawn({held: chances.get(held, 0.0) for held in standing.values()}, draw)
    if prompt.own is None or prompt.own in prompt.refuted or _doubts(prompt.own, prompt, model, draw):
        return _drawn(anew, draw)
    return prompt.own


def _drawn(chances: Mapping[str, float], draw: Random) -> str:
    """One of the answers with these odds; all alike where none has any."""
    weights = list(chances.values()) if any(chances.values()) else None
    return draw.choices(list(chances), weights)[0]


def _most(shown: Mapping[str, str], own: str | None, draw: Random) -> str:
    """The most frequent answer; of several, the own one or any."""
    counts = Counter(shown.values())
    tied = [answer for answer, count in counts.items() if count == max(counts.values())]
    return own if own in tied and own is not None else draw.choice(tied)


def _right(answer: str, prompt: Prompt, model: "SimulatedModel") -> bool:
    return answer == next(iter(model.known(prompt.question)))


def _doubts(answer: str, prompt: Prompt, model: "SimulatedModel", draw: Random) -> bool:
    """Whether a critic finds fault with an answer."""
    return draw.random() < (model.critic_alarm if _right(answer, prompt, model) else model.critic_hit)


def _verdict(prompt: Prompt, model: "SimulatedModel", draw: Random) -> str:
    if prompt.stated is None:
        return "undecided"
    rate = model.verifier_alarm if _right(prompt.stated, prompt, model) else model.verifier_hit
    return "refuted" if draw.random() < rate else "supported"


def _score(verdict: Any, prompt: Prompt, model: "SimulatedModel") -> int:
    """The probability, in percent, that what was checked is right, given the verdict."""
    p, hit, alarm = model.chance(prompt.question), model.verifier_hit, model.verifier_alarm
    if verdict not in ("supported", "refuted"):
        return round(100 * p) if prompt.stated is not None else 50
    right, wrong = (p * alarm, (1 - p) * hit) if verdict == "refuted" else (p * (1 - alarm), (1 - p) * (1 - hit))
    return round(100 * right / (right + wrong)) if right + wrong else 50


def _approved(prompt: Prompt, model: "SimulatedModel", draw: Random) -> list[str]:
    """The numbers of the answers without a fault; where all have one, of the answer that is liked best."""
    fine = [str(number) for number, one in enumerate(prompt.ballot, 1) if not _doubts(one, prompt, model, draw)]
    return fine or _ranked(prompt, model, draw)[:1]


def _ranked(prompt: Prompt, model: "SimulatedModel", draw: Random) -> list[str]:
    chances = model.chances(prompt.question)
    left = {str(number): chances.get(one, 0.0) for number, one in enumerate(prompt.ballot, 1)}
    ranking: list[str] = []
    while left:
        ranking.append(_drawn(left, draw))
        del left[ranking[-1]]
    return ranking


def _preference(prompt: Prompt, model: "SimulatedModel", draw: Random) -> int:
    """Which of two responses is better: negative for the first."""
    chances, (first, *others) = model.chances(prompt.question), [*prompt.shown.values()] or ["", ""]
    odds = (chances.get(first, 0.0), *(chances.get(other, 0.0) for other in others[:1]))
    is_first = draw.random() < model.position_bias or _drawn({"A": odds[0], "B": odds[-1]}, draw) == "A"
    return draw.choice((1, 2, 3)) * (-1 if is_first else 1)


def _filled(description: str, node: Mapping[str, Any], items: int, draw: Random) -> Any:
    """Words without meaning, of the kind that a schema or else a description asks for."""
    if options := node.get("enum") or ([node["const"]] if "const" in node else None):
        return draw.choice(options)
    kind = node.get("type") or _kind(description)
    match kind:
        case "boolean":
            return draw.random() < 0.5
        case "integer" | "number":
            return draw.randint(int(node.get("minimum", 0)), int(node.get("maximum", 100)))
        case "array":
            wanted = max(min(items, node.get("maxItems", items)), node.get("minItems", 0))
            return [_filled("", node.get("items", {}), items, draw) for _ in range(wanted)]
        case "object":
            inner = node.get("properties", {})
            return {name: _filled(one.get("description", ""), one, items, draw) for name, one in inner.items()}
        case "string":
            return prose(_FIELD_WORDS, draw)
    raise ModelError(f"the simulated model cannot fill a field of type {kind!r}")


def _kind(description: str) -> str:
    """The kind of value that a form's line asks for."""
    asked: Collection[tuple[str, str]] = (("yes or no", "boolean"), ("percent", "number"), ("list", "array"))
    return next((kind for words, kind in asked if words in description), "string")
