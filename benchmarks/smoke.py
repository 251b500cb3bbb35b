"""Runs every strategy of the catalogue that needs no parts on a stratified sample of the smoke suite.

    python benchmarks/smoke.py FOLDER --items 13                  # the record and the table, docs/bench/smoke.md
    python benchmarks/smoke.py FOLDER --items 26 --minutes 20     # goes on from there, for so long at most

The strategies go through the sample together, a round of the suites at a time, each run under one ceiling of tokens.
The sample is drawn round by round, so that a larger one begins with the smaller one: what the record in FOLDER holds is
never run again. After `--minutes` no further round is begun. It takes the data sets from
DISPUTATIO_DATA, and the embedded model unless `--model` names another. Runs whose model failed are made again.

Of several processes, or machines, each can take a share of the strategies; their records make one table:

    python benchmarks/smoke.py A --share 1/2 & python benchmarks/smoke.py B --share 2/2 & wait
    mkdir C; cat A/record.jsonl B/record.jsonl > C/record.jsonl; python benchmarks/smoke.py C
"""

import argparse
import asyncio
import json
import random
import shlex
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from disputatio.budget import Budget
from disputatio.errors import ConfigurationError
from disputatio.evals import Item, Task, load
from disputatio.evals.bench import Bench, Trial
from disputatio.evals.bench_manifest import manifest
from disputatio.evals.compare import LEVEL, compare, holm
from disputatio.evals.report import Row, pace, report
from disputatio.evals.report_text import TITLES, cells
from disputatio.graphs import CATALOGUE
from disputatio.graphs.run import prepare, run, synchronously
from disputatio.models import SimulatedModel, load_model
from disputatio.models.virtual_time import VirtualTimeLoop
from disputatio.strategies import Strategy

ALONE = "chain_of_thought"
ROUND = 13
"""Items asked together: one of every suite."""
COLUMNS = [place for place, title in enumerate(TITLES) if title != "money"]
PARAMETERS: Mapping[str, dict[str, Any]] = {"joint_thinking": {"emulate": True}}
"""What strategies need on a model without a thinking mode, such as the embedded one."""


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where the record is kept")
    parser.add_argument("--items", type=int, default=13, help="items of the sample [13, one of each suite]")
    parser.add_argument("--tokens", type=int, default=2_000, help="the ceiling of one run [2000]")
    parser.add_argument("--workers", type=int, default=8, help="runs under way at one time [8]")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="after which no round is begun")
    parser.add_argument("--model", default="local")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", default="1/1", metavar="K/N", help="every N-th strategy only, from the K-th")
    parser.add_argument("--out", type=Path, help="the table [FOLDER/smoke.md]")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    smoke = load("smoke")
    items = stratified(smoke.items, given.items, seed=given.seed)
    found, left_out = runnable(items[0])
    first, step = map(int, given.share.split("/"))
    strategies = dict(list(found.items())[first - 1 :: step])
    model = load_model(given.model, at_once=given.workers)
    began, trials = time.monotonic(), list[Trial]()
    for number in [*range(ROUND, len(items), ROUND), len(items)]:
        asked = Task(**{**vars(smoke), "items": items[:number]})
        bench = Bench(
            strategies=strategies,
            tasks=[asked],
            model=model,
            budget=Budget(tokens=given.tokens),
            seed=given.seed,
            workers=given.workers,
        )
        if number == min(ROUND, len(items)):
            keep_to(given.folder / "manifest.json", manifest(bench, {}))
        trials = asyncio.run(bench.run(given.folder / "record.jsonl"))
        minutes = (time.monotonic() - began) / 60
        print(f"{number} of {len(items)} items, {minutes:.1f} minutes", file=sys.stderr, flush=True)
        if minutes > given.minutes:
            break
    command = shlex.join(["python", "benchmarks/smoke.py", "FOLDER", *_options(given, number)])
    text = table(
        trials, items[:number], left_out, command, about=f"{model.name}, at most {given.tokens:,} tokens a run"
    )
    (given.out or given.folder / "smoke.md").write_text(text, encoding="utf-8")


def _options(given: argparse.Namespace, items: int) -> list[str]:
    named = {"items": items, "tokens": given.tokens, "workers": given.workers, "model": given.model, "seed": given.seed}
    return [word for name, value in named.items() for word in (f"--{name}", str(value))]


def stratified(items: Sequence[Item], size: int, *, seed: int) -> list[Item]:
    """So many items, the suites taking turns: in each round one of every suite that has one left."""
    draw = random.Random(seed)
    suites: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        suites[str(item.meta["suite"])].append(item)
    order = draw.sample(sorted(suites), len(suites))
    shuffled = [draw.sample(suites[name], len(suites[name])) for name in order]
    rounds = range(max(map(len, shuffled)))
    return [one[place] for place in rounds for one in shuffled if place < len(one)][:size]


def runnable(item: Item) -> tuple[dict[str, Strategy[...]], dict[str, str]]:
    """The strategies that run as they are, and why the others do not; found out on a simulated model."""
    found, left_out = dict[str, Strategy[...]](), dict[str, str]()
    for name in CATALOGUE:
        strategy = CATALOGUE[name](**PARAMETERS.get(name, {}))
        try:
            synchronously(run(item.question, strategy, prepare(model=SimulatedModel())), loop_factory=VirtualTimeLoop)
            found[repr(strategy).removesuffix("()")] = strategy
        except ConfigurationError as error:
            left_out[name] = str(error)
    return found, left_out


def keep_to(path: Path, now: Mapping[str, Any]) -> None:
    """Write the manifest, or make sure that the record is of the same models, ceiling and prompts.

    Raises:
        ConfigurationError: If it is not.
    """
    if path.exists():
        was = json.loads(path.read_text("utf-8"))
        same = all(was["strategies"].get(name, one) == one for name, one in now["strategies"].items())
        if not same or (was["models"], was["budget"]) != (now["models"], now["budget"]):
            raise ConfigurationError(f"{path} is of other models, ceilings or prompts: take another folder")
    path.write_text(json.dumps(now, indent=2) + "\n", encoding="utf-8")


def table(
    trials: Sequence[Trial], items: Sequence[Item], left_out: Mapping[str, str], command: str, *, about: str
) -> str:
    """The page: one row a strategy, and which of them can be told from a single chain of thought."""
    by_name = defaultdict(list)
    for trial in trials:
        by_name[trial.strategy].append(trial)
    rows = [report(by_name[name], {}).rows[0] for name in sorted(by_name)]
    suites = Counter(str(item.meta["suite"]) for item in items)
    titles = [TITLES[place] for place in COLUMNS]
    lines = [
        titles,
        ["---", *["---:"] * (len(titles) - 1)],
        *([cells(row)[place] for place in COLUMNS] for row in rows),
    ]
    parts = [
        "# All strategies on the smoke suite",
        f"{len(rows)} strategies on the same {len(items)} items, one run each; {about}. Items by suite: "
        f"{', '.join(f'{name} {count}' for name, count in sorted(suites.items()))}. Made by",
        f"```sh\n{command}\n```",
        "\n".join(f"| {' | '.join(line)} |" for line in lines),
        "Figures from calls on are those of one run, on average; unparsed answers and errors are never right, short "
        f"runs are those that the ceiling ended. Intervals are Wilson's. {_told_apart(by_name, rows)}",
        f"{pace(trials) or float('nan'):,.0f} tokens a second were read and written.",
    ]
    if left_out:
        parts.append(
            "Not here, because they need parts:\n\n" + "\n".join(f"- {n}: {why}" for n, why in left_out.items())
        )
    return "\n\n".join(parts) + "\n"


def _told_apart(by_name: Mapping[str, Sequence[Trial]], rows: Sequence[Row]) -> str:
    """Which strategies differ from a single chain of thought, after Holm's correction for all of them."""
    if ALONE not in by_name:
        return ""
    values = {row.strategy: [trial.value or 0.0 for trial in by_name[row.strategy]] for row in rows}
    others = [name for name in values if name != ALONE]
    found = [compare({name: values[name], ALONE: values[ALONE]})[0] for name in others]
    corrected = holm([one.p for one in found])
    told = [name for name, p in zip(others, corrected, strict=True) if p < LEVEL]
    return f"Told from a single chain of thought by McNemar's test, Holm-corrected: {', '.join(told) or 'none'}."


if __name__ == "__main__":
    main()
