"""Measures what the bench costs on top of its runs, and checks it on models whose accuracy is known.

    python benchmarks/bench.py                      # scheduling and memory, on a server that answers after 100 ms
    python benchmarks/bench.py simulated FOLDER     # reports on simulated models at three accuracies

The second writes a task whose keys are those of the simulated model, runs `disputatio bench` on it, and compares what
is measured with what must come out: the share of right answers follows from the votes by counting.
"""

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from math import comb, factorial, prod
from pathlib import Path
from urllib.request import Request, urlopen

from disputatio.budget import Budget
from disputatio.evals.bench import Bench, contestants
from disputatio.evals.items import Item, Task
from disputatio.evals.scorers import score
from disputatio.graphs import chain_of_thought, debate
from disputatio.graphs.run import prepare, run
from disputatio.models import SimulatedModel, load_model
from disputatio.question import Question

HERE = Path(__file__).parent
LATENCY = 0.1
ACCURACIES, ITEMS, SAMPLES = (0.4, 0.6, 0.8), 300, 9
WRONG = 3
"""Wrong answers of a simulated question, all alike."""


def cpu() -> float:
    """Seconds of processor time that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def task_of(size: int) -> Task:
    """So many questions to which every answer of the server is wrong."""
    asked = [Question(text=f"Which number is number {n}?", answer_type="number") for n in range(size)]
    items = [Item(id=str(n), question=one, target="-1", scorer="number") for n, one in enumerate(asked)]
    return Task(name="numbers", items=items, source="made here", licence="CC0-1.0", description="numbers")


async def bare(url: str, size: int) -> None:
    """The runs alone, one after the other, and their scores."""
    model = load_model(f"openai-compatible:{url}/v1#mock")
    for number, item in enumerate(task_of(size).items):
        context = prepare(model=model, budget=Budget(tokens=4_000), at_once=1, seed=number)
        score(item, (await run(item.question, chain_of_thought, context)).answer)


async def benched(url: str, size: int, workers: int, *, is_whole: bool) -> None:
    """The same runs by the bench, or three strategies."""
    model = load_model(f"openai-compatible:{url}/v1#mock")
    strategies = contestants([debate(rounds=1)]) if is_whole else {"chain_of_thought": chain_of_thought}
    budget = Budget(calls=3) if is_whole else Budget(tokens=4_000)
    bench = Bench(strategies=strategies, tasks=[task_of(size)], model=model, budget=budget, workers=workers)
    with tempfile.TemporaryDirectory() as folder:
        trials = await bench.run(Path(folder) / "record.jsonl")
    assert not any(trial.error for trial in trials)
    assert len(trials) == size * len(strategies)


def measured(which: str, url: str) -> dict[str, float]:
    """Figures of one way, in this process."""
    warm = asyncio.new_event_loop()
    warm.run_until_complete(bare(url, 3))
    warm.close()
    used, began = cpu(), time.perf_counter()
    size = 1_000 if which == "memory" else 100
    match which:
        case "bare":
            asyncio.run(bare(url, size))
        case "bench":
            asyncio.run(benched(url, size, 1, is_whole=False))
        case "memory":
            asyncio.run(benched(url, size, 64, is_whole=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"cpu": (cpu() - used) / size, "wall": (time.perf_counter() - began) / size, "peak": peak}


def costs() -> None:
    """Print what the bench costs."""
    with subprocess.Popen(
        [sys.executable, str(HERE / "server.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin
        assert server.stdout
        url = server.stdout.readline().strip()
        urlopen(Request(f"{url}/latency/{LATENCY * 1000:.0f}", method="POST")).close()
        found: dict[str, list[dict[str, float]]] = {"bare": [], "bench": [], "memory": []}
        for which in ("bare", "bench", "bare", "bench", "bare", "bench", "memory"):
            command = [sys.executable, __file__, which, url]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found[which].append(json.loads(done.stdout))
        server.stdin.close()
    alone, bench = (min(one["cpu"] for one in found[which]) for which in ("bare", "bench"))
    print(f"CPU of one run of one call: {alone * 1000:.2f} ms alone, {bench * 1000:.2f} ms in the bench")
    print(f"scheduling: {(bench - alone) / LATENCY:.1%} of a call of 100 ms; with the run itself {bench / LATENCY:.1%}")
    walls = [min(one["wall"] for one in found[which]) for which in ("bare", "bench")]
    print(f"wall of one run: {walls[0] * 1000:.1f} ms alone, {walls[1] * 1000:.1f} ms in the bench (best of 3)")
    print(f"1,000 items, 3 strategies, 64 at once: at most {found['memory'][0]['peak']:.0f} MB")


def counts(samples: int, kinds: int) -> Iterator[tuple[int, ...]]:
    """All ways in which so many votes fall on so many answers."""
    if kinds == 1:
        yield (samples,)
        return
    for first in range(samples + 1):
        for rest in counts(samples - first, kinds - 1):
            yield (first, *rest)


def plurality(accuracy: float, samples: int) -> float:
    """How likely the most frequent of so many independent answers is the right one, ties drawn."""
    wrong = (1 - accuracy) / WRONG
    total = 0.0
    for right, *others in counts(samples, 1 + WRONG):
        top = max(right, *others)
        if right == top:
            ways = factorial(samples) / prod(map(factorial, (right, *others)))
            total += ways * accuracy**right * wrong ** (samples - right) / (1 + others.count(top))
    return total


def interval(chance: float, trials: int, level: float) -> tuple[float, float]:
    """The central part of the binomial distribution that holds at least this share, as shares of right answers."""
    masses = [comb(trials, hits) * chance**hits * (1 - chance) ** (trials - hits) for hits in range(trials + 1)]
    tail, low = 0.0, 0
    while tail + masses[low] <= (1 - level) / 2:
        tail, low = tail + masses[low], low + 1
    tail, high = 0.0, trials
    while tail + masses[high] <= (1 - level) / 2:
        tail, high = tail + masses[high], high - 1
    return low / trials, high / trials


def simulated(folder: Path) -> None:
    """Make the task, run the bench at each accuracy, and write the table."""
    folder.mkdir(parents=True, exist_ok=True)
    model, lines = SimulatedModel(), []
    for number in range(1, ITEMS + 1):
        asked = Question(text=f"Simulated question {number}", answer_type="number")
        key = next(iter(model.chances(asked)))
        lines.append({"id": str(number), "question": asked.text, "answer": key, "target_type": "number"})
    task = folder / "simulated.jsonl"
    task.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    rows, right, level = [], 0, 1 - 0.05 / (3 * len(ACCURACIES))
    for accuracy in ACCURACIES:
        out = folder / f"accuracy-{accuracy}"
        command = [
            "disputatio",
            "bench",
            "--strategies",
            "debate",
            "--tasks",
            str(task),
            "--seed",
            "1",
            "--out",
            str(out),
        ]
        command += ["--budget-calls", str(SAMPLES), "--model", f"sim:accuracy={accuracy}", "--quiet"]
        program = [sys.executable, "-c", "from disputatio.apps.cli import main; main()"]
        subprocess.run([*program, *command[1:]], check=True, stdout=subprocess.DEVNULL)
        for row in json.loads((out / "report.json").read_text("utf-8"))["rows"]:
            votes = {"chain_of_thought": 1, "debate": 3}.get(row["strategy"], SAMPLES)
            chance = plurality(accuracy, votes)
            low, high = interval(chance, ITEMS, level)
            right += low <= row["accuracy"] <= high
            shown = f"{low * 100:.1f} to {high * 100:.1f} %"
            rows.append(
                f"| {accuracy} | {row['strategy']} | {chance * 100:.1f} % | {shown} | {row['accuracy'] * 100:.1f} % |"
            )
    head = "| model's accuracy | strategy | must come out | interval | measured |\n|---|---|---|---|---|"
    text = f"{head}\n{chr(10).join(rows)}\n\n{right} of {len(rows)} measured accuracies lie within their intervals.\n"
    (folder / "README.md").write_text(f"{ABOUT}\n{text}", encoding="utf-8")
    print(text)


ABOUT = f"""# Simulated models at three accuracies

    python benchmarks/bench.py simulated docs/bench/simulated

{ITEMS} questions with the keys of the simulated model, at most {SAMPLES} calls for each, so that self-consistency takes
{SAMPLES} samples. What must come out is counted: of all ways in which independent votes fall on one right and {WRONG}
wrong answers, those in which the right one has most, ties drawn; a debate of three on this model is a vote of three.
The intervals are those of the binomial distribution for {ITEMS} questions, wide enough that all of them together hold
95 % of the time. The folders hold the reports; the records of single runs are not kept here.
"""

if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            costs()
        case ["simulated", folder]:
            simulated(Path(folder))
        case [which, url]:
            print(json.dumps(measured(which, url)))
