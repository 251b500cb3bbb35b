"""Measures what Disputatio costs on top of its model calls, against the same debate written by hand.

    python benchmarks/run.py [REPETITIONS]

Contenders take turns, each time in a fresh process on one core, with the server on the other; figures are medians,
ratios are taken turn by turn, and, behind them, between the least of all turns: what other work on the machine adds is
in the medians and not in those.
"""

import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from subprocess import PIPE

HERE = Path(__file__).parent
CONTENDERS = ("by_hand", "solve", "graph")
LABELS = {
    "cpu_us": "client CPU per call, us",
    "wall_us": "wall per call at 0 ms, us",
    "over_ideal": "wall / critical path at 100 ms",
    "in_flight": "calls in flight, at most",
    "words": "prompt words of a debate",
    "shared": "shared prefix, cold debate",
    "cpu_us_50": "client CPU per call, 50 debates at once, us",
    "over_ideal_50": "wall / critical path at 100 ms, 50 at once",
    "cpu_us_50_seldom": "the same, swept seldom",
    "over_ideal_50_seldom": "wall, swept seldom",
    "in_flight_50": "calls in flight, 50 at once",
    "cpu_us_200": "client CPU per call, 200 at once, us",
    "over_ideal_200": "wall / critical path at 100 ms, 200 at once",
    "cpu_us_200_seldom": "the same, swept seldom",
    "over_ideal_200_seldom": "wall, swept seldom",
    "in_flight_200": "calls in flight, 200 at once",
    "memory_mb": "peak memory, MB",
    "memory_mb_seldom": "peak memory, swept seldom, MB",
}
STARTS = {
    "python": [sys.executable, "-c", "pass"],
    "import": [sys.executable, "-c", "import disputatio"],
    "help": [str(Path(sys.executable).parent / "disputatio"), "--help"],
}


def pinned(cores: set[int]) -> None:
    """Keep this process on some cores, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores & os.sched_getaffinity(0) or os.sched_getaffinity(0))


def turns(repetitions: int) -> dict[str, list[dict[str, float]]]:
    """Measure all contenders, one after the other, so many times."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
    serve = [sys.executable, str(HERE / "server.py")]
    with subprocess.Popen(serve, stdin=PIPE, stdout=PIPE, text=True, preexec_fn=lambda: pinned({1})) as server:
        assert server.stdin
        assert server.stdout
        url = server.stdout.readline().strip()
        for number in range(repetitions):
            for name in CONTENDERS:
                client = [sys.executable, str(HERE / "client.py"), name, url]
                said = subprocess.run(client, check=True, stdout=PIPE, text=True, preexec_fn=lambda: pinned({0}))
                found[name].append(json.loads(said.stdout))
            print(f"turn {number + 1} of {repetitions}, load {os.getloadavg()[0]:.1f}", file=sys.stderr)
        server.stdin.close()
    return found


def started(command: list[str]) -> tuple[float, float]:
    """Wall and processor seconds of one command."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    took, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def starts(repetitions: int) -> dict[str, tuple[float, float]]:
    """How long the interpreter, the import and the help take: medians of wall and processor seconds."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in STARTS}
    for _ in range(repetitions + 1):
        for name, command in STARTS.items():
            taken[name].append(started(command))
    warm = {name: times[1:] for name, times in taken.items()}
    return {name: (median(wall for wall, _ in one), median(used for _, used in one)) for name, one in warm.items()}


def main() -> None:
    """Print the tables."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    found = turns(repetitions)
    print(f"{platform.python_version()}, {os.cpu_count()} cores, {repetitions} turns, load {os.getloadavg()[0]:.1f}\n")
    print("| median | by hand | solve | graph | solve / by hand | graph / by hand |\n|---|---|---|---|---|---|")
    for key, label in LABELS.items():
        values = {name: median(one[key] for one in rows) for name, rows in found.items()}
        ratios = {
            name: median(mine[key] / theirs[key] for mine, theirs in zip(found[name], found["by_hand"], strict=True))
            for name in CONTENDERS
        }
        least = {name: min(one[key] for one in rows) for name, rows in found.items()}
        cells = [f"{values[name]:.4g}" for name in CONTENDERS]
        cells += [f"{ratios[name]:.2f} ({least[name] / least['by_hand']:.2f})" for name in CONTENDERS[1:]]
        print(f"| {label} | {' | '.join(cells)} |")
    steps = {one["supersteps"] for one in found["graph"]}
    print(f"\nsuper-steps of a debate: {', '.join(map(str, sorted(steps)))}")
    taken = starts(repetitions)
    for name in ("import", "help"):
        wall, used = (mine - bare for mine, bare in zip(taken[name], taken["python"], strict=True))
        print(f"{name}: {wall:.3f} s ({used:.3f} s of CPU) over the bare interpreter's {taken['python'][0]:.3f} s")


if __name__ == "__main__":
    main()
