"""How often our scorer of tool calls agrees with the checker of the Berkeley Function Calling Leaderboard.

Every item that wants a call is answered rightly, by a draw of the acceptable values, and with one or two changes to
that: other names, arguments, values, types and numbers of calls. Needs the data, and the package bfcl-eval unpacked in
a folder:

    pip install --no-deps --target FOLDER bfcl-eval==2026.3.23
    python benchmarks/tool_calls.py --data DATA --bfcl FOLDER
"""

import argparse
import copy
import json
import random
import sys
from collections import Counter
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

from disputatio.evals import load, score
from disputatio.thought import Answer

CHECKER = "bfcl_eval.eval_checker.ast_eval"
ANSWERS = 30
"""For each item."""
Calls = list[dict[str, Any]]


def checker(folder: str) -> Callable[[Any, Calls, Any, str], bool]:
    """Their checker; what it imports for hosted models, Java and JavaScript is left out."""
    models: Any = ModuleType("bfcl_eval.constants.model_config")
    models.MODEL_CONFIG_MAPPING = {"none": SimpleNamespace(underscore_to_dot=False)}
    sys.path.insert(0, folder)
    sys.modules[models.__name__] = models
    for language in ("java", "js"):
        other: Any = ModuleType(f"{CHECKER}.type_convertor.{language}_type_converter")
        setattr(other, f"{language}_type_converter", None)
        sys.modules[other.__name__] = other
    theirs: Any = __import__(f"{CHECKER}.ast_checker", fromlist=["ast_checker"])

    def check(functions: Any, calls: Calls, target: Any, subset: str) -> bool:
        said = [{one["name"]: one["arguments"]} for one in calls]
        try:
            return bool(
                said and theirs.ast_checker(functions, said, target, theirs.Language.PYTHON, subset, "none")["valid"]
            )
        except (AttributeError, TypeError, KeyError, IndexError):
            return False  # it does not expect null or a text where an object belongs

    return check


def drawn(options: list[Any], rng: random.Random) -> Any:
    """One of the acceptable values."""
    return _inner(rng.choice([one for one in options if one != ""] or [""]), rng)


def _inner(value: Any, rng: random.Random) -> Any:
    if isinstance(value, list):
        return [_inner(one, rng) for one in value]
    if not isinstance(value, dict):
        return value
    return {key: drawn(one, rng) for key, one in value.items() if "" not in one or rng.random() < 0.5}


def right(target: Any, rng: random.Random) -> Calls:
    """The calls of a target, optional arguments given or left out."""
    calls = []
    for one in target:
        for name, options in one.items():
            kept = {
                key: all_ for key, all_ in options.items() if "" not in all_ or (len(all_) > 1 and rng.random() < 0.5)
            }
            calls.append({"name": name, "arguments": {key: drawn(all_, rng) for key, all_ in kept.items()}})
    return calls


def faulty(calls: Calls, rng: random.Random) -> Calls:
    """The same calls with one change, which need not be a fault."""
    calls = copy.deepcopy(calls)
    call = rng.choice(calls)
    arguments, change = call["arguments"], rng.randrange(6)
    if change == 0:
        call["name"] += "x"
    elif change == 1:
        calls.append(copy.deepcopy(call))
    elif change == 2:
        calls.remove(call)
    elif change == 3:
        rng.shuffle(calls)
    elif change == 4:
        arguments["surplus"] = 1
    elif arguments:
        name = rng.choice(list(arguments))
        arguments[name] = _changed(arguments[name], rng)
        if rng.random() < 0.1:
            del arguments[name]
    return calls


def _changed(value: Any, rng: random.Random) -> Any:
    others: list[Any] = [None, "", [], {}, True, 0, str(value)]
    match value:
        case bool():
            others += [not value, int(value)]
        case int() | float():
            others += [float(value), value + 1]
        case str():
            others += [value.upper(), f" {value.replace(' ', '')}.", [value]]
        case list():
            others += [value[::-1], value + value[:1], [str(one) for one in value]]
    return rng.choice(others)


def main() -> None:
    """Compare, and print how often each said what."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--data", required=True)
    parser.add_argument("--bfcl", required=True)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng, check, counts = random.Random(given.seed), checker(given.bfcl), Counter[tuple[bool, bool]]()
    for item in load("bfcl", data=given.data).items:
        if not isinstance(item.target, list):
            continue
        for number in range(ANSWERS):
            calls = right(item.target, rng)
            for _ in range(number % 3):
                calls = faulty(calls, rng) if calls else calls
            text = json.dumps(calls) if calls else "no_call"
            theirs = check(item.parameters["functions"], calls, item.target, str(item.meta["subset"]))
            counts[theirs, score(item, Answer(text=text, value=text)).value == 1] += 1
    print(f"{counts.total():,} answers; right to both {counts[True, True]:,}, wrong to both {counts[False, False]:,}, "
          f"right to theirs alone {counts[True, False]:,}, to ours alone {counts[False, True]:,}")  # fmt: skip


if __name__ == "__main__":
    main()
