"""Choosing: what was typed on the command line, as a question, a panel, models by role, parameters and a budget."""

import inspect
import re
from collections.abc import Collection, Mapping, Sequence
from itertools import zip_longest
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from disputatio import agents
from disputatio.agents import Agent, Debater
from disputatio.budget import Budget
from disputatio.errors import ConfigurationError, unknown
from disputatio.graphs.strategies.debate import RESERVED, panel_of
from disputatio.graphs.strategies.disputation import disputants, disputation
from disputatio.question import Question
from disputatio.strategies import Strategy
from disputatio.writing import excerpt, plain

_SIMPLE = {"int": int, "float": float, "bool": bool, "str": str, "None": NoneType}


def encodable(text: str) -> str:
    """Text of the command line, in which bytes that were not UTF-8 are replaced."""
    return text.encode("utf-8", "replace").decode()


def question(text: str, *, answer_type: str | None = None, choices: Sequence[str] = ()) -> Question:
    """Make the question.

    Raises:
        ConfigurationError: If it is empty or too long, or the answer's type and the choices do not go together.
    """
    fields: dict[str, Any] = {"text": text, "choices": tuple(encodable(choice) for choice in choices)}
    if answer_type:
        fields["answer_type"] = answer_type
    try:
        return Question(**fields) if answer_type or choices else Question.of(text)
    except ValidationError as error:
        raise ConfigurationError(str(error.errors()[0]["msg"]).removeprefix("Value error, ")) from error


def budget(limits: Mapping[str, float | None]) -> Budget:
    """Make the budget.

    Raises:
        ConfigurationError: If a limit is not above 0.
    """
    try:
        return Budget.model_validate(dict(limits))
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigurationError(f"--max-{first['loc'][0]} is a number above 0, not {first['input']!r}") from error


def panel(debaters: int | None, stances: Sequence[str], personas: Sequence[str]) -> int | list[Agent] | None:
    """The debaters that were asked for; stances and personas are combined in the order in which they were given.

    Raises:
        ConfigurationError: If there are none, one says nothing, or their number contradicts `debaters`.
    """
    if debaters is not None and debaters < 1:
        raise ConfigurationError(f"--debaters is a number from 1, not {debaters}")
    if not (stances or personas):
        return debaters
    pairs = list(zip_longest(map(encodable, stances), map(encodable, personas), fillvalue=None))
    if debaters not in (None, len(pairs)):
        raise ConfigurationError(f"--debaters {debaters} contradicts the {len(pairs)} given by --stance and --persona")
    made: list[Agent] = []
    for number, (stance, persona) in enumerate(pairs, 1):
        if any(text is not None and not text.strip() for text in (stance, persona)):
            raise ConfigurationError("a stance or a persona is empty")
        name = _unlike(_name_of(persona or "") or f"debater {number}", [agent.name for agent in made])
        made.append(Debater(name, persona=(persona or "").strip(), stance=(stance or "").strip()))
    return made


def _name_of(persona: str) -> str:
    """A short name for a persona: "Economist" for "an economist who distrusts forecasts"."""
    head = re.split(r"[|:,.;()]|\s(?:who|that|which|with|from|in|of|at|for|and)\s", plain(persona).strip(), maxsplit=1)
    words = excerpt(re.sub(r"^(?:an?|the)\s+", "", head[0], flags=re.IGNORECASE), 30)
    name = words[:1].upper() + words[1:]
    return "" if name in RESERVED else name


def _unlike(name: str, taken: Collection[str]) -> str:
    number = 2
    unique = name
    while unique in taken:
        unique, number = f"{name} {number}", number + 1
    return unique


def models(given: Sequence[str], strategy: Strategy[...]) -> dict[str, str]:
    """Models by role or name out of [ROLE=]MODEL; one without a role is the default.

    Raises:
        ConfigurationError: If a role is given twice, or neither a role nor an agent of the strategy.
    """
    chosen: dict[str, str] = {}
    for text in given:
        role, equals, model = text.partition("=")
        if not equals or ":" in role:  # an address may hold "=", but comes after its provider's colon
            role, model = "", text
        role = _role(role.strip(), strategy) if role.strip() else "default"
        if role in chosen:
            raise ConfigurationError(f"two models for {role!r}: {chosen[role]!r} and {model.strip()!r}")
        chosen[role] = model.strip()
    return {"default": "local", **chosen}


def workers(given: int | None, models: Mapping[str, str]) -> int:
    """How many runs are under way at one time: as it was asked for, or 8, but 1 for a model of transformers.

    What else is in a batch can change a reply of those by its rounding.
    """
    return given or (1 if any(name.startswith("hf:") for name in models.values()) else 8)


def one_model(given: Sequence[str]) -> str:
    """The one model that was named, or the embedded one.

    Raises:
        ConfigurationError: If there are several.
    """
    if len(given) > 1:
        raise ConfigurationError(f"one model serves all strategies here, got {len(given)}")
    return given[0].strip() if given else "local"


def _role(role: str, strategy: Strategy[...]) -> str:
    made = [strategy, *(one for one in strategy.arguments.values() if isinstance(one, Strategy))]
    nodes = {node for one in made for node in one.compile().get_graph().nodes} - {*RESERVED, "extract"}
    seated = {agent.name for one in made for agent in debaters(one)}
    names = [*sorted(nodes | seated), *sorted(roles())]
    known = {**{name.casefold(): name for name in names}, **{name: name for name in names}}
    found = known.get(role) or known.get(role.casefold())
    if not found:
        raise unknown(f"role or debater of {strategy.name}", role, set(names))
    return found


def debaters(strategy: Strategy[...]) -> list[Agent]:
    """The debaters of a strategy, made if only their number was given; none if it has none."""
    given = strategy.arguments.get("debaters")
    return [] if given is None else disputants(given) if strategy.name == disputation.name else panel_of(given)


def roles() -> set[str]:
    """What agents are for: the role of each agent that can be made."""
    factories = [getattr(agents, name) for name in agents.__all__ if name[0].isupper()]
    return {factory("any").role for factory in factories if inspect.isfunction(factory)}


def parameters(strategy: Strategy[...], given: Sequence[str]) -> dict[str, Any]:
    """Parameters of a strategy out of NAME=VALUE, each read as the type that the strategy declares.

    Raises:
        ConfigurationError: If a name is unknown, or a value cannot be read or cannot be given on the command line.
    """
    known = strategy.signature.parameters
    values: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals:
            raise ConfigurationError(f"a parameter is given as NAME=VALUE, for example rounds=3, not {text!r}")
        if name not in known:
            raise unknown(f"parameter of {strategy.name}", name, known)
        if name in values:
            raise ConfigurationError(f"the parameter {name!r} is given twice")
        values[name] = _value(name, encodable(value.strip()), known[name].annotation)
    return values


def _value(name: str, text: str, annotation: Any) -> Any:
    kinds = simple_kinds(annotation)
    if NoneType in kinds and text.lower() == "none":
        return None
    kinds = sorted((kind for kind in kinds if kind is not NoneType), key=lambda kind: kind is str)
    if not kinds:
        hint = f"; its model is set by --model {name}=MODEL" if "Agent" in str(annotation) else ""
        raise ConfigurationError(f"the parameter {name!r} can only be set in Python{hint}")
    if get_origin(kinds[0]) is Literal and text not in get_args(kinds[0]) and not kinds[1:]:
        raise unknown(name, text, map(str, get_args(kinds[0])))
    for kind in kinds:
        try:
            return TypeAdapter(kind).validate_strings(text)
        except ValidationError as error:
            reason = str(error.errors()[0]["msg"]).partition(",")[0]
    raise ConfigurationError(f"the parameter {name!r}: {reason[0].lower()}{reason[1:]}, not {text!r}")


def simple_kinds(annotation: Any) -> list[Any]:
    """The parts of an annotation that a text on the command line can stand for."""
    if isinstance(annotation, str):  # one that names types which cannot be evaluated
        return [_SIMPLE[part.strip()] for part in annotation.split("|") if part.strip() in _SIMPLE]
    parts = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else [annotation]
    return [part for part in parts if part in _SIMPLE.values() or get_origin(part) is Literal]
