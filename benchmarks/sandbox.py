"""Measures the sandboxes: what a run costs, and whether limits are kept.

    python benchmarks/sandbox.py [SWEEPS]

The second sandbox is measured where it is installed and compiled (`disputatio warm`). Times are wall clock, with the
CPU time that this process and its children used next to the median; SWEEPS (200) is how often the shortest run is made.
"""

import os
import platform
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median, quantiles
from threading import Event, Thread

from disputatio.tools import Limits, Sandbox, SandboxResult
from disputatio.tools.sandbox_monty import MontySandbox
from disputatio.tools.sandbox_wasi import WasiSandbox, is_warm

SWEEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 200
BARS = {"monty": (2.0, 10.0), "wasi": (60.0, 150.0)}
"""Milliseconds that the median and the 95th percentile may take."""
TIGHT = Limits(seconds=1.0, memory=256 * 2**20, output=2**16)
GREEDY = {
    "time": ("while True:\n    pass", "time"),
    "memory, block by block": ("kept = []\nwhile True:\n    kept.append('x' * 2**20 + str(len(kept)))", "memory"),
    "memory, doubled": ("kept = 'x'\nwhile True:\n    kept += kept", "memory"),
    "output": ("while True:\n    print('x' * 1000)", "output"),
}


def seconds(work: Callable[[], object]) -> float:
    """How long something takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def row(name: str, value: str, target: str = "", ok: bool | None = None) -> bool:
    """Print one figure; False if it misses its target."""
    print(f"{name:<52} {value:>28}  {target:<18} {'' if ok is None else 'ok' if ok else 'MISSED'}", flush=True)
    return ok is not False


def children(parent: int) -> list[int]:
    """The processes that a process started, and those that they started."""
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(place.read_text().rpartition(")")[2].split()[1]) == parent:
                found += [int(place.parent.name), *children(int(place.parent.name))]
    return found


def memory(processes: list[int], field: str) -> int:
    """Bytes of the largest of them, by a field of /proc."""
    sizes = [0]
    for one in processes:
        with suppress(OSError, StopIteration):
            lines = Path(f"/proc/{one}/status").read_text().splitlines()
            sizes.append(1024 * int(next(line for line in lines if line.startswith(field)).split()[1]))
    return max(sizes)


def cpu() -> float:
    """Seconds of CPU that this process and those that it started have used."""
    ticks = 0
    for one in (os.getpid(), *children(os.getpid())):
        with suppress(OSError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def latency(label: str, sandbox: Sandbox) -> bool:
    """What a run costs."""
    p50, p95 = BARS[sandbox.name]
    began = cpu()
    row(f"{label}: first run of a process (cold)", f"{1000 * seconds(lambda: sandbox.run('1 + 1')):.0f} ms")
    row(f"{label}: the same, CPU", f"{1000 * (cpu() - began):.0f} ms")
    began = cpu()
    taken = sorted(seconds(lambda: sandbox.run("sum(range(100))")) for _ in range(SWEEPS))
    used = 1000 * (cpu() - began) / SWEEPS
    high = 1000 * quantiles(taken, n=20)[18]
    held = row(f"{label}: warm, p50", f"{1000 * median(taken):.2f} ms", f"<= {p50:g} ms", 1000 * median(taken) <= p50)
    held &= row(f"{label}: warm, p95", f"{high:.2f} ms", f"<= {p95:g} ms", high <= p95)
    row(f"{label}: warm, CPU a run", f"{used:.2f} ms")
    before: list[str] = []
    turns = []
    for _ in range(50):
        turns.append(seconds(lambda: sandbox.run("x = 1", earlier=before)))
        before.append("x = 1")
    row(f"{label}: with kept variables, p50", f"{1000 * median(turns):.2f} ms")
    return held


def packages(label: str, sandbox: Sandbox) -> bool:
    """What loading a package costs, in a new interpreter each time."""
    held = True
    roomy = Limits(seconds=60, memory=512 * 2**20)
    for code, bar in (
        ("import numpy", 0.5),
        ("import sympy", 0.0),
        ("import matplotlib.pyplot as p\np.plot([1])", 0.0),
    ):
        taken = median(seconds(lambda code=code: sandbox.run(code, limits=roomy)) for _ in range(5))
        target, ok = (f"<= {bar:g} s", taken <= bar) if bar else ("", None)
        held &= row(f"{label}: {code.splitlines()[0]}, p50 of 5", f"{taken:.2f} s", target, ok)
    return held


def watched(sandbox: Sandbox, code: str) -> tuple[SandboxResult, float, int]:
    """What came of greedy code, the seconds it took, and the bytes it made its process larger by at most."""
    sandbox.run("1")
    base, peaks, is_over = memory(children(os.getpid()), "VmRSS:"), [0], Event()

    def watch() -> None:
        while not is_over.wait(0.02):
            peaks.append(memory(children(os.getpid()), "VmRSS:"))

    watcher = Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    result = sandbox.run(code, limits=TIGHT)
    taken = time.perf_counter() - began
    is_over.set()
    watcher.join()
    return result, taken, max(0, max(peaks) - base)


def limits(label: str, sandbox: Sandbox) -> bool:
    """Whether limits are kept: time within half a second, memory within 64 MiB, output to the byte."""
    held = True
    for name, (code, kind) in GREEDY.items():
        sandbox.close()
        result, taken, peak = watched(sandbox, code)
        stopped = result.error_kind or "nothing"
        held &= row(f"{label}: {name}, stopped by", stopped, f"{kind} or time", stopped in (kind, "time"))
        held &= row("    came back after", f"{taken:.2f} s", "<= 1.5 s", taken <= TIGHT.seconds + 0.5)
        most = TIGHT.memory + 64 * 2**20
        held &= row("    memory, above an idle worker", f"{peak / 2**20:.0f} MiB", "<= 320 MiB", peak <= most)
        held &= row("    output", f"{len(result.output)} bytes", "<= 65536", len(result.output) <= TIGHT.output)
    return held


def main() -> int:
    """Measure all sandboxes that are there."""
    load = os.getloadavg()[0]
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, load {load:.1f}\n")
    sandboxes: dict[str, Sandbox] = {"monty": MontySandbox()}
    if is_warm():
        sandboxes |= {"wasi": WasiSandbox(), "wasi, unconfined": WasiSandbox(confined=False)}
    held = True
    for label, sandbox in sandboxes.items():
        held &= latency(label, sandbox)
        if sandbox.name == "wasi":
            held &= packages(label, sandbox)
        if sys.platform.startswith("linux"):
            held &= limits(label, sandbox)
        sandbox.close()
        print()
    return 0 if held else 1


if __name__ == "__main__":
    raise SystemExit(main())
