"""Counterfactual causal models: what would have happened, had something been otherwise.

A model has causes that nothing explains, each happening or not, and effects that each follow from earlier events by a
rule. The answer is found as Pearl 2009, Causality, section 7.1, has it, by abduction, action and prediction: over all
ways in which the causes can have been, given what was seen, with the rule of one event replaced. Only questions are
asked that all those ways answer alike.
"""

from collections.abc import Callable, Mapping
from itertools import product
from random import Random
from typing import Any

_NAMES = ("blicket", "dax", "fep", "gorp", "kiki", "lorp", "mib", "nuz", "pim", "quag", "rask", "sult", "tib", "vosk")
Rule = tuple[str, tuple[str, ...]]
"""How an event follows from others: "all", "any" or "none" of them."""
_RULES: Mapping[str, Callable[[list[bool]], bool]] = {"all": all, "any": any, "none": lambda values: not any(values)}
_WORDS = {
    "all": "happens exactly if all of these happen:",
    "any": "happens exactly if at least one of these happens:",
    "none": "happens exactly if none of these happens:",
}


def causal_models(rng: Random, *, causes: int = 3, effects: int = 4) -> dict[str, Any]:
    """Make one record: a counterfactual question, to be answered by yes or no, each as often.

    Args:
        rng: Makes all choices.
        causes: How many events nothing explains.
        effects: How many follow from others.
    """
    wanted = rng.random() < 0.5
    while True:
        names = rng.sample(_NAMES, causes + effects)
        roots = names[:causes]
        rules: dict[str, Rule] = {}
        for place in range(causes, len(names)):
            parents = tuple(rng.sample(names[:place], rng.choice((1, 2, 2, 3))))
            rules[names[place]] = (rng.choice(list(_RULES)), parents)
        world = _happens({root: rng.random() < 0.5 for root in roots}, rules, {})
        seen = {name: world[name] for name in rng.sample(names, len(names) // 2)}
        changed, asked = sorted(rng.sample(names, 2), key=names.index)
        if changed not in seen or asked not in rules or not _depends(asked, changed, rules):
            continue
        answers = {
            _happens(one, rules, {changed: not seen[changed]})[asked]
            for one in (dict(zip(roots, values, strict=True)) for values in product((True, False), repeat=causes))
            if all(_happens(one, rules, {})[name] == value for name, value in seen.items())
        }
        if answers == {wanted}:
            break
    lines = [f"{name} {_WORDS[rule]} {', '.join(parents)}." for name, (rule, parents) in rules.items()]
    facts = [f"{name} {'happened' if value else 'did not happen'}" for name, value in seen.items()]
    return {
        "question": f"It was seen that {', '.join(facts)}. Nothing else was seen. Had {changed} "
        f"{'not ' if seen[changed] else ''}happened, would {asked} have happened?",
        "context": "\n".join([f"Nothing explains {', '.join(roots)}.", *lines]),
        "answer": "yes" if wanted else "no",
        "target_type": "boolean",
        "fields": {"changed": changed, "asked": asked},
    }


def _happens(causes: Mapping[str, bool], rules: Mapping[str, Rule], fixed: Mapping[str, bool]) -> dict[str, bool]:
    """What happens in a world: its causes, what follows by the rules, and what was made so."""
    world = {**causes, **fixed}
    for name, (rule, parents) in rules.items():
        if name not in fixed:
            world[name] = _RULES[rule]([world[parent] for parent in parents])
    return world


def _depends(effect: str, cause: str, rules: Mapping[str, Rule]) -> bool:
    parents = rules[effect][1] if effect in rules else ()
    return cause in parents or any(_depends(parent, cause, rules) for parent in parents)
