"""Calls and critical paths of searches, loops and plans: what need not wait does not, in virtual seconds."""

import asyncio
from collections.abc import Callable
from itertools import count

import pytest

from disputatio.graphs import explore_execute, inftythink, react, rewoo, tree_plv_search, tree_search
from disputatio.graphs.run import prepare, run, synchronously
from disputatio.graphs.search import beam
from disputatio.graphs.valuation import compared, scored, voted
from disputatio.model import Reply, Request
from disputatio.models import ScriptedModel
from disputatio.models.virtual_time import VirtualTimeLoop
from disputatio.question import Question
from disputatio.strategies import Strategy

PATHS: list[tuple[Strategy[...], int, int]] = [
    # E k (1 + N) + 1 calls; each expansion takes one second to propose and one to value.
    (tree_plv_search, 10 * 3 * 9 + 1, 2 * 10 + 1),
    (tree_plv_search(expansions=4, children=2, rollouts=5), 4 * 2 * 6 + 1, 2 * 4 + 1),
    # E k + 2 E C(k, 2) + 1.
    (tree_search(compared(), expansions=3), 3 * 3 + 2 * 3 * 3 + 1, 2 * 3 + 1),
    (tree_search(voted(5), expansions=3), 3 * (3 + 5) + 1, 2 * 3 + 1),
    # The root, then two levels of two nodes at once.
    (tree_search(scored(), beam(2), expansions=5), 5 * (3 + 3) + 1, 2 * 3 + 1),
    (explore_execute, 8 + 2, 3),
    (explore_execute(select="clusters"), 8 + 4, 2),
    (inftythink(segments=5), 2 * 5 - 1, 9),
    (react(steps=4), 4, 4),
    (rewoo(steps=3), 2 + 3, 4),
]


class Slow(ScriptedModel):
    """Takes a second for every reply."""

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        await asyncio.sleep(1)
        return await super().complete(request, on_text)


def never_done() -> Callable[[str], str]:
    """Whoever is asked goes on and on; plans and steps are all different."""
    number = count()

    def reply(prompt: str) -> str:
        match prompt:
            case _ if "You will not see what they find" in prompt:
                return "#E1 = llm[a]\n#E2 = llm[b]\n#E3 = llm[#E1 and #E2]"
            case _ if "Write a plan" in prompt:
                return f"Plan:\n1. way{next(number)}"
            case _ if "You keep the notes" in prompt:
                return f"1. note {next(number)}"
            case _ if "You settle the question in steps" in prompt:
                return f"Action: calculator[{next(number)} + 1]\nAnswer: none"
        return f"step {next(number)}\nAnswer: none\nChoice: 1\nScore: 50\nBest: 1\nBetter: 1"

    return reply


@pytest.mark.parametrize(("strategy", "calls", "seconds"), PATHS, ids=lambda one: getattr(one, "name", str(one)))
def test_calls_are_those_of_the_formula_and_seconds_those_of_the_critical_path(
    strategy: Strategy[...], calls: int, seconds: int
) -> None:
    async def measured() -> tuple[int, float]:
        clock = asyncio.get_running_loop().time
        began = clock()
        result = await run(Question(text="How far?"), strategy, prepare(model=Slow(never_done())))
        return result.usage.calls, clock() - began

    assert synchronously(measured(), loop_factory=VirtualTimeLoop) == (calls, pytest.approx(seconds))
    assert strategy.calls == calls
