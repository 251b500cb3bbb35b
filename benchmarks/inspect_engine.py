"""Measures Inspect AI as the engine of the bench against our own: same strategy, model and items, 100 ms a call.

python benchmarks/inspect_engine.py ours|inspect SAMPLES AT_ONCE      # needs disputatio[eval]
"""

import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path

from disputatio.budget import Budget
from disputatio.evals.bench import Bench
from disputatio.evals.items import Item, Task
from disputatio.graphs import chain_of_thought
from disputatio.models import load_model
from disputatio.question import Question

MODEL = "sim:accuracy=0.6,latency=0.1"


def cpu() -> float:
    """Seconds of processor time that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def ours(task: Task, at_once: int, folder: str) -> None:
    """Run the task by our bench."""
    strategies = {"chain_of_thought": chain_of_thought}
    budget, model = Budget(tokens=4_000), load_model(MODEL)
    bench = Bench(strategies=strategies, tasks=[task], model=model, budget=budget, workers=at_once)
    asyncio.run(bench.run(Path(folder) / "record.jsonl"))


def inspect(task: Task, at_once: int, folder: str) -> None:
    """Run the task by Inspect."""
    import inspect_ai  # noqa: PLC0415
    from inspect_ai.dataset import MemoryDataset, Sample  # noqa: PLC0415
    from inspect_ai.model import get_model  # noqa: PLC0415

    from disputatio.evals.inspect_bridge import reasoning, scored  # noqa: PLC0415

    samples = [
        Sample(id=one.id, input=one.question.text, target="-1", metadata={"item": one.model_dump(mode="json")})
        for one in task.items
    ]
    theirs = inspect_ai.Task(
        dataset=MemoryDataset(samples, name=task.name), solver=reasoning("chain_of_thought"), scorer=scored()
    )
    settings = {"display": "none", "max_connections": at_once, "max_samples": at_once}
    inspect_ai.eval(theirs, model=get_model(f"disputatio/{MODEL}"), log_dir=folder, **settings)


def main() -> None:
    """Print the figures of one engine."""
    which, size, at_once = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    asked = [Question(text=f"Simulated question {n}", answer_type="number") for n in range(1, size + 1)]
    items = [Item(id=str(n), question=one, target="-1", scorer="number") for n, one in enumerate(asked)]
    task = Task(name="numbers", items=items, source="made here", licence="CC0-1.0", description="numbers")
    with tempfile.TemporaryDirectory() as folder:
        used, began = cpu(), time.monotonic()
        {"ours": ours, "inspect": inspect}[which](task, at_once, folder)
        spent, wall = cpu() - used, time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{which}: {spent / size * 1000:.1f} ms of CPU a sample, {wall:.1f} s in all, at most {peak:.0f} MB")


if __name__ == "__main__":
    main()
