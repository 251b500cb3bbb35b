"""Score the gold answer of every item of the data sets, which must be right, and say what a scorer costs.

    python benchmarks/keys.py DATA_FOLDER

For each data set: items, how many of their gold answers are right, cannot be scored here, or are anything else, and
the CPU time of this process for one item. For the game of 24 the answer is the example that comes with the item.
"""

import sys
from collections import Counter
from time import process_time

from disputatio.evals import Item, load, score
from disputatio.evals.tasks.load import table
from disputatio.thought import Answer


def gold(item: Item) -> str:
    """The key of an item, as somebody would answer it."""
    if item.scorer == "expression":
        return str(item.meta.get("example"))
    if not isinstance(item.target, list):
        return str(item.target)
    return "\n".join(map(str, item.target)) if item.scorer == "set" else str(item.target[0])


def main(data: str) -> None:
    """Print one line for each data set."""
    print(f"{'data set':24}{'items':>7}{'right':>7}{'unscorable':>12}{'else':>6}{'ms an item':>12}")
    for name in table():
        items, began, counts = load(name, data=data).items, process_time(), Counter[str]()
        for item in items:
            text = gold(item)
            found = score(item, Answer(text=text, value=item.question.canonical(text)))
            counts["right" if found.value == 1 else "unscorable" if found.status == "unscorable" else "else"] += 1
        spent = (process_time() - began) / len(items) * 1000
        print(
            f"{name:24}{len(items):7}{counts['right']:7}{counts['unscorable']:12}{counts['else']:6}{spent:12.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1])
