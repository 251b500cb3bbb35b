"""Recipes: the options from which the strategy of a run is made, also later and in another process."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from disputatio.errors import ConfigurationError

if TYPE_CHECKING:
    from disputatio.strategies import Strategy

KEPT = ("tools", "allow", "memory", "no_memory", "cache", "trace")
"""Options that a run which is gone on with has again; its models, seed and limits are in its settings."""
_WANTED = ("debaters", "rounds", "claims", "stance", "persona", "strategy", "parameter", *KEPT)
ELSEWHERE = "was begun by a program, with parts that only the program has; go on with it by disputatio.resume in Python"


def recipe(command: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """What a command was told about how to reason, as JSON."""
    told = {name: options[name] for name in _WANTED if options.get(name) is not None and options[name] is not False}
    for name in {"memory", "cache"} & set(told):  # it may be gone on with in another folder
        told[name] = told[name] if "://" in str(told[name]) else str(Path(told[name]).absolute())
    return {"command": command, **({"named": told.pop("strategy")} if "strategy" in told else {}), **told}


def strategy_of(recipe: Mapping[str, Any]) -> "Strategy[...]":
    """The strategy, with its tools.

    Raises:
        ConfigurationError: If a name, a parameter or a tool is wrong, or it can only be made by a program.
    """
    from disputatio.apps import equipping
    from disputatio.graphs import reasoning_bank

    made = equipping.equipped(_bare(recipe), equipping.tools(recipe.get("tools") or ()))
    return reasoning_bank(made) if recipe.get("command") == "debate" and recipe.get("memory") else made


def _bare(recipe: Mapping[str, Any]) -> "Strategy[...]":
    from disputatio.apps import catalogue, choosing

    match recipe:
        case {"command": "debate"}:
            panel = choosing.panel(recipe.get("debaters"), recipe.get("stance") or (), recipe.get("persona") or ())
            chosen = {} if panel is None else {"debaters": panel}
            return catalogue.find("disputation")(**chosen, rounds=recipe["rounds"], claims=recipe["claims"])
        case {"command": "solve", "named": str(name)}:
            found = catalogue.find(name)
            return found(**choosing.parameters(found, recipe.get("parameter") or ()))
        case {"strategy": str(name), "params": dict(params)}:
            return catalogue.find(name)(**params)
    raise ConfigurationError(f"this run {ELSEWHERE}")


def changed(recipe: Mapping[str, Any], parameters: list[str]) -> dict[str, Any]:
    """The recipe with other parameters, given as NAME=VALUE.

    Raises:
        ConfigurationError: If one is unknown or its value is not allowed.
    """
    from disputatio.apps import choosing

    if not parameters:
        return dict(recipe)
    strategy = _bare(recipe)
    given = choosing.parameters(strategy, parameters)
    if recipe.get("command") == "debate":
        if unknown := sorted(set(given) - {"rounds", "claims"}):
            raise ConfigurationError(f"a branch of a debate can change rounds and claims, not {unknown[0]}")
        return {**recipe, **given}
    if recipe.get("command") == "solve":
        names = {text.partition("=")[0].strip().replace("-", "_") for text in parameters}
        before = [
            text
            for text in recipe.get("parameter") or ()
            if text.partition("=")[0].strip().replace("-", "_") not in names
        ]
        return {**recipe, "parameter": [*before, *parameters]}
    return {**recipe, "params": {**recipe.get("params", {}), **given}}
