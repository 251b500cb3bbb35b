"""Our strategies against the same methods of other projects: one endpoint, the same items, one scorer.

    python benchmarks/peers/run.py [TASK] [--data FOLDER] [--items N] [--only NAME] [--write]

TASK is a name or a file that `disputatio.evals.load` takes. Each peer runs in a virtual environment of its own, which
is made the first time (`.venv-peers/`). What is measured, and what a row means, is in README.md beside this file.
"""

import argparse
import itertools
import json
import os
import re
import subprocess
import sys
import time
import tomllib
import venv
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from endpoint import COOL, REPEAT_PENALTY, TEMPERATURE, TOP_P, Counts, Proxy

from disputatio.agents.forms import answered, lines_of, read
from disputatio.evals import Item, load, score
from disputatio.evals.compare import compare
from disputatio.evals.metrics import accuracy
from disputatio.evals.scorers import Score
from disputatio.models.local import serve
from disputatio.models.weights import smollm2
from disputatio.thought import Answer

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ROWS = {
    "self-consistency": [
        ("ours", "self_consistency"),
        ("ours", "self_consistency_two_step"),
        ("with_optillm", "self_consistency"),
        ("with_its_hub", "self_consistency"),
        ("with_pydantic_ai", "self_consistency"),
    ],
    "best of N": [("ours", "best_of_n"), ("with_optillm", "best_of_n")],
    "mixture": [("ours", "mixture"), ("with_optillm", "mixture"), ("with_autogen", "mixture")],
    "debate": [("ours", "debate"), ("with_autogen", "debate"), ("with_pydantic_ai", "debate")],
}
PROMPT = "{question}\n\nThink in one or two short sentences, then end your reply with this line:\n{line}"
COLUMNS = "method, who, right, 95 %, by the last number, unparsed, errors, calls, replies, cut, prompt, written, s"
HEAD = f"| {COLUMNS.replace(', ', ' | ')} |"


@dataclass
class Row:
    """What one method of one peer came to."""

    counts: Counts = field(default_factory=Counts)
    seconds: float = 0
    texts: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


def needs(peer: Path) -> list[str]:
    """What a peer's file says that it needs, as inline script metadata (PEP 723)."""
    block = re.search(r"(?m)^# /// script$\n((?:^#.*$\n)+?)^# ///$", peer.read_text(encoding="utf-8"))
    lines = block[1].splitlines() if block else []
    return list(tomllib.loads("\n".join(line.removeprefix("#").strip() for line in lines)).get("dependencies", []))


def python_of(peer: Path, folder: Path) -> Path:
    """The interpreter of a peer's environment, which is made if it is not there; ours is this one.

    Raises:
        CalledProcessError: If it cannot be installed.
    """
    if not needs(peer):
        return Path(sys.executable)
    home = folder / peer.stem.removeprefix("with_")
    python, stamp = home / "bin" / "python", home / ".installed"
    wanted = "\n".join(needs(peer))
    if not stamp.is_file() or stamp.read_text() != wanted:
        print(f"installing {peer.stem} ...", file=sys.stderr)
        venv.create(home, with_pip=True, clear=True)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", *needs(peer)], check=True, capture_output=True, text=True
        )
        stamp.write_text(wanted)
    return python


def measure(peer: Path, python: Path, method: str, items: list[Item], proxy: Proxy, at_once: int) -> Row:
    """Let one method answer all items. The time is that from the first item to the last text, without imports."""
    settings = {"URL": proxy.base_url, "KEY": proxy.behind.api_key, "MODEL": "local"}
    settings |= {"MAX_TOKENS": str(proxy.max_tokens), "AT_ONCE": str(at_once)}
    inherited = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    row = Row()
    with subprocess.Popen(
        [python, peer, method],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**inherited, **{f"PEERS_{name}": value for name, value in settings.items()}},
    ) as process:
        assert process.stdout
        assert process.stderr
        if not process.stdout.readline():
            raise ChildProcessError((process.stderr.read().strip().splitlines() or ["it ended at once"])[-1])
        proxy.reset()
        begun = time.perf_counter()
        out, err = process.communicate("\n".join(json.dumps(asked(item)) for item in items))
        row.seconds, row.counts = time.perf_counter() - begun, proxy.counts
    for line in map(json.loads, out.splitlines()):
        (row.errors if "error" in line else row.texts)[line["id"]] = line.get("error", line.get("text"))
    for item in items:
        if item.id not in row.texts:
            row.errors.setdefault(item.id, (err.strip().splitlines() or ["it ended"])[-1])
    return row


def asked(item: Item) -> dict[str, str]:
    """An item as a peer sees it: never its target. Ours gets the whole question, as its strategies take it."""
    line = lines_of(answered(item.question), without=("confidence",))
    prompt = PROMPT.format(question=item.question, line=line)
    return {"id": item.id, "prompt": prompt, "whole": item.question.model_dump_json()}


def scored(item: Item, text: str) -> Score:
    """What the text of a peer is worth, read as we read our own: by its line "Answer:"."""
    form = read(text, answered(item.question))
    said = form.answer if form else ""
    return score(item, Answer(text=said, value=item.question.canonical(said)))


def by_last_number(item: Item, text: str) -> float:
    """Whether the last number anywhere in the text is right: a lenient reading, of use for items with numbers."""
    found = re.findall(r"-?\d[\d,]*(?:\.\d+)?", text)
    said = found[-1].rstrip(",") if found else ""
    return score(item, Answer(text=said, value=item.question.canonical(said))).value or 0


def line_of(kind: str, who: str, items: list[Item], row: Row) -> str:
    """A row of the table; calls, replies and tokens are by item."""
    scores = [scored(item, row.texts.get(item.id, "")) for item in items]
    total = accuracy(scores)
    low, high = total.interval or (total.value, total.value)
    lenient = sum(by_last_number(item, row.texts.get(item.id, "")) for item in items)
    counts, size = row.counts, len(items)
    unparsed = total.abstained - len(row.errors)
    cells = [kind, who, f"{total.right:.0f} of {size}", f"{low:.0%} to {high:.0%}", f"{lenient:.0f}", f"{unparsed}"]
    cells += [f"{len(row.errors)}"]
    cells += [f"{count / size:.1f}" for count in (counts.calls, counts.replies, counts.cut)]
    cells += [f"{count / size:.0f}" for count in (counts.prompt_tokens, counts.completion_tokens)]
    return f"| {' | '.join([*cells, f'{row.seconds / size:.1f}'])} |"


def told_apart(values: dict[str, list[float]]) -> str:
    """Which rows of one method differ: in a paired test, by an interval without zero, corrected for all pairs."""
    better = [
        f"{one.better} over {one.second if one.better == one.first else one.first}"
        for one in compare(values)
        if one.better
    ]
    return "; ".join(better) or "none"


def rows_of(given: argparse.Namespace, items: list[Item], proxy: Proxy) -> Iterator[str]:
    """The lines of the table as they come, and which rows differ."""
    differ = []
    for kind, rows in ROWS.items():
        values: dict[str, list[float]] = {}
        for name, method in rows:
            if given.only and given.only not in name:
                continue
            peer = HERE / f"{name}.py"
            who = name.removeprefix("with_") + (", two steps" if method.endswith("two_step") else "")
            try:
                row = measure(peer, python_of(peer, given.environments), method, items, proxy, given.at_once)
            except (subprocess.CalledProcessError, ChildProcessError) as error:
                fault = str(getattr(error, "stderr", "") or error).strip().splitlines()[-1]
                yield f"| {kind} | {who} | did not run: {fault[:200]} {'| ' * 11}|"
                continue
            print(*sorted(set(row.errors.values())), sep="\n", end="", file=sys.stderr)
            values[who] = [scored(item, row.texts.get(item.id, "")).value or 0 for item in items]
            yield line_of(kind, who, items, row)
        if len(values) > 1:
            differ.append(f"{kind}: {told_apart(values)}")
    yield f"\nDifferences that can be told from chance: {'. '.join(differ)}."


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", nargs="?", default=str(HERE / "sums.jsonl"))
    parser.add_argument("--data", help="folder of the data sets; DISPUTATIO_DATA if not given")
    parser.add_argument("--items", type=int, default=20)
    parser.add_argument("--max-tokens", type=int, default=120, help="longest reply, for all")
    parser.add_argument("--at-once", type=int, default=4, help="items under way at one time, and slots of the server")
    parser.add_argument("--weights", type=Path, help="a GGUF file; the embedded model if not given")
    parser.add_argument("--only", help="a part of the name of a file: ours, optillm, ...")
    parser.add_argument("--environments", type=Path, default=ROOT / ".venv-peers")
    parser.add_argument("--write", action="store_true", help="put the table into README.md, too")
    return parser.parse_args()


def main() -> None:
    """Measure all rows, and print the table."""
    given = parsed()
    weights = given.weights or smollm2()
    task = load(given.task, data=given.data, limit=given.items)
    proxy = Proxy(serve(weights, slots=given.at_once), max_tokens=given.max_tokens)
    proxy.start()
    settings = (
        f"{time.strftime('%Y-%m-%d')}, {task.name}, {len(task.items)} items, {weights.stem}; at most "
        f"{given.max_tokens} tokens a reply, temperature {TEMPERATURE} (up to {COOL} as asked), top_p {TOP_P}, repeat "
        f"penalty {REPEAT_PENALTY}; {given.at_once} items at a time; Python {sys.version.split()[0]}, xllamacpp "
        f"{version('xllamacpp')}, load {os.getloadavg()[0]:.1f} at the start."
    )
    said = []
    head = [settings, "", HEAD, "|---" * HEAD[1:].count("|") + "|"]
    for line in itertools.chain(head, rows_of(given, list(task.items), proxy)):
        print(line, flush=True)
        said.append(line)
    if given.write:
        page = HERE / "README.md"
        before, mark, after = page.read_text(encoding="utf-8").partition("<!-- table -->\n")
        end = after.partition("<!-- end -->")[2]
        page.write_text(f"{before}{mark}{chr(10).join(said)}\n<!-- end -->{end}", encoding="utf-8")


if __name__ == "__main__":
    main()
