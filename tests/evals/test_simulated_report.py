"""The reports on simulated models in docs/bench: what was measured lies where it must, counted in another way here."""

import json
import re
from pathlib import Path

import pytest
from scipy.stats import binom

from disputatio.evals.bench import FILLED


def test_the_simulated_reports_in_the_docs_lie_where_they_must() -> None:
    folder = Path(__file__).parents[2] / "docs" / "bench" / "simulated"
    page = (folder / "README.md").read_text("utf-8")
    listed = re.findall(r"\| (0\.\d) \| (.+) \| ([\d.]+) % \| ([\d.]+) to ([\d.]+) % \| ([\d.]+) % \|", page)
    assert len(listed) == 9
    for accuracy, name, must, *shown in listed:
        chance, votes = float(accuracy), {"chain_of_thought": 1, FILLED: 9, "debate": 3}[name]
        expected = _vote(chance, votes)
        low, high = binom.interval(1 - 0.05 / len(listed), 300, expected)
        assert [float(must), *map(float, shown[:2])] == pytest.approx(
            [100 * expected, 100 * low / 300, 100 * high / 300], abs=0.4
        )
        found = json.loads((folder / f"accuracy-{accuracy}" / "report.json").read_text("utf-8"))
        (row,) = [row for row in found["rows"] if row["strategy"] == name]
        assert low <= 300 * row["accuracy"] <= high
        assert row["items"] == 300
        assert f"{100 * row['accuracy']:.1f}" == shown[2], "the page shows what the report has"


def _vote(chance: float, votes: int, wrong: int = 3) -> float:
    """How likely the right answer has the most of so many votes, a tie being drawn: vote by vote."""
    counts = {(0,) * (1 + wrong): 1.0}
    for _ in range(votes):
        grown: dict[tuple[int, ...], float] = {}
        for held, weight in counts.items():
            for place in range(1 + wrong):
                after = tuple(number + (place == one) for one, number in enumerate(held))
                grown[after] = grown.get(after, 0.0) + weight * (chance if place == 0 else (1 - chance) / wrong)
        counts = grown
    return sum(weight / held.count(max(held)) for held, weight in counts.items() if held[0] == max(held))
