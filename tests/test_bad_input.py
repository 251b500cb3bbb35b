"""Bad input over all strategies: numbers, abstentions, ties, verifiers, plans, trees and contexts that overflow.

What the conformance tests ask of any reply is asked here of what a user or a model can get wrong.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

import disputatio as dp
from disputatio.agents import Judge, Solver, Verifier
from disputatio.errors import ConfigurationError, ModelError
from disputatio.graphs import (
    CATALOGUE,
    act_observe,
    best_of,
    chain_of_thought,
    critique_in_the_loop,
    debate,
    escalate,
    evidence_loop,
    heart,
    plan_execute,
    refine,
    rewoo,
    segment_loop,
    self_consistency,
    sequence,
    smart_meta_strategy,
    tree_search,
    universal_self_consistency,
    verified,
    vote,
)
from disputatio.graphs.decisions import RULES
from disputatio.graphs.search import beam, best_first, depth_first, monte_carlo
from disputatio.graphs.valuation import compared, rollouts, scored, voted
from disputatio.model import Reply, Request
from disputatio.models import ScriptedModel
from disputatio.result import Result
from disputatio.strategies import Strategy
from disputatio.tools import calculator
from tests.small_patterns import PATTERNS
from tests.small_searches import SEARCHES
from tests.test_conformance import well_formed

EVERY = {**PATTERNS, **SEARCHES, **CATALOGUE}
every_strategy = pytest.mark.parametrize("strategy", EVERY.values(), ids=EVERY)
NOTHING = {
    ("chain_of_thought", "added_steps"),
    ("constraint_first", "retries"),
    ("corex_debate", "rounds"),
    ("disputation", "claims"),
    ("medprompt", "k"),
    ("reex_sql", "depth"),
    ("rewoo", "repairs"),
}
"""Of what a strategy can have 0; of everything else it needs at least 1."""
NUMBERS = [
    (strategy, name)
    for strategy in CATALOGUE.values()
    for name, value in strategy.arguments.items()
    if isinstance(value, int) and not isinstance(value, bool)
]


def asked(strategy: Strategy[...], reply: Callable[[str], str], **settings: Any) -> Result:
    return dp.solve("What is 2 + 2?", strategy=strategy, model=ScriptedModel(reply), **settings)


def is_given(result: Result) -> bool:
    """Whether the answer is one that somebody gave."""
    return result.answer.text in {thought.answer for thought in result.thoughts}


@pytest.mark.parametrize(("strategy", "name"), NUMBERS, ids=[f"{one.name}-{name}" for one, name in NUMBERS])
def test_a_number_that_is_too_small_is_refused_before_anything_is_spent(strategy: Strategy[...], name: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        strategy(**{name: -1})
    assert "\n" not in str(refused.value)
    if (strategy.name, name) in NOTHING:
        assert strategy(**{name: 0}).calls >= 1
    else:
        with pytest.raises(ConfigurationError):
            strategy(**{name: 0})


PARTLESS: dict[str, Callable[[], object]] = {
    "a vote over nothing": vote.graph,
    "a sequence of nothing": sequence.graph,
    "an escalation of nothing": escalate.graph,
    "no strategy to choose": lambda: smart_meta_strategy(strategies=()),
    "no debaters": lambda: debate([]),
    "no rounds of refinement": lambda: refine(chain_of_thought, rounds=0),
    "no feedback": lambda: refine(chain_of_thought, feedback=()),
    "no steps of a loop": lambda: act_observe(Solver(), [calculator], steps=0),
    "no tools": lambda: act_observe(Solver(), []),
    "no steps of a plan": lambda: plan_execute(Solver(), Solver(), steps=0),
    "no segments": lambda: segment_loop(Solver(), Solver(), segments=0),
    "no attempts": lambda: evidence_loop(lambda query, without: [], attempts=0),
    "no probes": lambda: evidence_loop(lambda query, without: [], probes=0),
    "no children": lambda: tree_search(scored(), children=0),
    "no expansions": lambda: tree_search(scored(), expansions=0),
    "no depth": lambda: tree_search(scored(), depth=0),
    "no rollouts": lambda: rollouts(0),
    "no votes": lambda: voted(0),
}


@pytest.mark.parametrize("made", PARTLESS.values(), ids=PARTLESS)
def test_what_is_made_of_nothing_is_refused(made: Callable[[], Any]) -> None:
    with pytest.raises(ConfigurationError):
        made()


@pytest.mark.parametrize("reply", ["", "I would rather not say.", "Answer: **...**"])
@every_strategy
def test_where_nothing_can_be_read_nothing_is_answered(strategy: Strategy[...], reply: str) -> None:
    result = asked(strategy, lambda prompt: reply)
    assert (result.answer.text, result.answer.value, result.stop_reason) == ("", None, "undecided")


@pytest.mark.parametrize("votes", [[], [None], [None, None, None]], ids=["nobody", "one", "three"])
@pytest.mark.parametrize("rule", [name for name, rule in RULES.items() if rule.needs == "votes"])
def test_a_vote_over_nothing_has_no_winner(rule: str, votes: list[str | None]) -> None:
    decide = RULES[rule].decide
    assert decide is not None
    assert decide(votes).winner is None


TIES: dict[str, Strategy[...]] = {
    "samples": self_consistency(samples=4),
    "samples of a model": universal_self_consistency(samples=4),
    "adaptive": CATALOGUE["adaptive_consistency"](samples=4),
    "windows": CATALOGUE["early_stopping_self_consistency"](samples=4, window=4),
    "strategies": vote(chain_of_thought, chain_of_thought),
    "debaters": debate(2, rounds=1),
    "critics": critique_in_the_loop(samples=2),
    "sayself": CATALOGUE["sayself"](samples=4),
    "best of": best_of(n=4),
    "comparisons": CATALOGUE["pairwise_judge"](n=4),
    "attempts": heart(rounds=3),
}


@pytest.mark.parametrize("strategy", TIES.values(), ids=TIES)
def test_a_tie_is_settled_by_the_seed_and_stays_visible(strategy: Strategy[...]) -> None:
    def tied(seed: int) -> Result:
        turn = count()

        def reply(prompt: str) -> str:
            return f"So.\nAnswer: {4 + next(turn) % 2}" if "Answer: <" in prompt else "I cannot say."

        return asked(strategy, reply, seed=seed)

    for result in (tied(1), tied(2)):
        assert result.answer.text in ("4", "5")
        assert is_given(result)
        tally = result.answer.data.get("tally")
        assert not isinstance(tally, dict) or tally["tie"] == ["4", "5"]
    assert tied(3).answer.text == tied(3).answer.text


def refuting(prompt: str) -> str:
    """A solver who answers, and everyone else who finds fault."""
    if "Answer: <" in prompt:
        return "It is so.\nAnswer: 4\nConfidence: 10"
    lines = {"Verdict": "refuted", "Score": "0", "Steps": "1. wrong: it is not so", "Status": "failure", "Reason": "no"}
    return "\n".join(f"{name}: {value}" for name, value in lines.items() if f"{name}: <" in prompt)


UNCONVINCED: dict[str, tuple[Strategy[...], dict[str, object]]] = {
    "refine": (refine(chain_of_thought, rounds=2), {"revisions": 2}),
    "critique in the loop": (critique_in_the_loop(rounds=3), {"revisions": 3}),
    "escalate by a verifier": (escalate(chain_of_thought, chain_of_thought, accept=Verifier()), {"accepted": False}),
    "escalate by confidence": (escalate(chain_of_thought, chain_of_thought), {"accepted": False, "stages": 2}),
    "best of": (best_of(n=3), {}),
    "verified": (verified(chain_of_thought), {}),
    "an oracle": (heart(rounds=2, oracle=lambda answer: False), {"verified": False}),
    "a meta-strategy": (smart_meta_strategy(strategies=(chain_of_thought,) * 2, refine=True), {"verified": False}),
    "a tree": (tree_search(scored(), expansions=2, children=2), {}),
    "a memory": (CATALOGUE["reasoning_bank"], {}),
}


@pytest.mark.parametrize(("strategy", "report"), UNCONVINCED.values(), ids=UNCONVINCED)
def test_a_verifier_that_accepts_nothing_ends_the_run_in_order(
    strategy: Strategy[...], report: dict[str, object]
) -> None:
    result = asked(strategy, refuting)
    assert result.answer.text == "4"
    assert is_given(result)
    assert result.usage.calls <= strategy.calls
    assert {name: result.answer.data.get(name) for name in report} == report


PLANS = {
    "a circle": ("#E1 = calculator[#E2 + 1]\n#E2 = calculator[#E1 + 1]", "circle"),
    "a step that needs itself": ("#E1 = calculator[#E1 + 1]", "circle"),
    "an unknown variable": ("#E1 = calculator[#E7 + 1]", "#E7"),
    "a later variable": ("#E1 = calculator[#E2]\n#E2 = calculator[1]", "#E2"),
    "a variable twice": ("#E1 = calculator[1]\n#E1 = calculator[2]", "more than once"),
    "too many steps": ("\n".join(f"#E{n} = calculator[{n}]" for n in range(1, 5)), "at most 3"),
}


@pytest.mark.parametrize("repairs", [0, 2])
@pytest.mark.parametrize(("plan", "told"), PLANS.values(), ids=PLANS)
def test_a_plan_that_cannot_be_carried_out_is_refused_before_any_step(plan: str, told: str, repairs: int) -> None:
    result = asked(rewoo(steps=3, repairs=repairs), lambda prompt: plan)
    assert (result.answer.value, result.stop_reason) == (None, "undecided")
    assert result.answer.data["ended"] == "plan refused"
    assert told in str(result.answer.data["wrong"])
    assert result.usage.calls == 1 + repairs, "nothing but planning was paid for"


@pytest.mark.parametrize("policy", [best_first(), beam(2), depth_first(), monte_carlo()])
@pytest.mark.parametrize(
    "value", [rollouts(2), scored(), voted(2), compared()], ids=["rollouts", "scores", "votes", "pairs"]
)
@pytest.mark.parametrize("last", ["", "So.\nAnswer: 4"], ids=["silent", "finished"])
def test_a_tree_without_a_child_is_finished_in_one_go(policy: Any, value: Any, last: str) -> None:
    def reply(prompt: str) -> str:
        return "" if "next step" in prompt else last

    result = asked(tree_search(value, policy, expansions=3, children=2), reply)
    assert result.answer.data["ended"] == "exhausted"
    assert (result.answer.text, result.answer.value) == (("4", "4") if last else ("", None))


class Narrow(ScriptedModel):
    """A model whose context window holds so many characters."""

    room = 0

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        length = sum(len(message["content"]) for message in request.messages)
        if length > self.room:
            raise ModelError(f"{length} characters do not fit", fault="context_too_long")
        return await super().complete(request, on_text)


@every_strategy
@pytest.mark.parametrize("room", [10, 1200])
def test_a_context_that_overflows_is_an_abstention(strategy: Strategy[...], room: int) -> None:
    model = Narrow(lambda prompt: f"{'so ' * 300}{well_formed(prompt)}")
    model.room = room
    result = dp.solve("2 + 2?", strategy=strategy, model=model)
    too_long = [one for one in result.thoughts if one.kind == "observation" and "longer than the model" in one.text]
    if room == 10:
        assert too_long
        assert not model.requests
        assert (result.answer.text, result.answer.value, result.stop_reason) == ("", None, "undecided")
    assert all(one.cut and one.answer is None and "do not fit" in str(one.data["error"]) for one in too_long)
    if strategy.name not in ("chatrule", "reex_sql"):  # their answers come out of a graph and a database
        assert result.answer.abstained or is_given(result)


async def test_another_fault_of_a_model_is_no_abstention() -> None:
    class Refusing(ScriptedModel):
        async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
            raise ModelError("wrong key", fault="auth")

    with pytest.raises(ModelError, match="wrong key"):
        await dp.asolve("2 + 2?", strategy=debate, model=Refusing(lambda prompt: ""))


def test_a_judge_with_tools_is_read_by_what_it_says_and_not_by_what_they_returned() -> None:
    turn = count()

    def reply(prompt: str) -> str:
        if "Use: <" in prompt:
            return '{"use": {"tool": "calculator", "arguments": {"expression": "2 + 2"}}}'
        return "So.\nAnswer: 9" if "Upholds: <" in prompt else f"So.\nAnswer: {next(turn)}"

    judge = replace(Judge(), tools=(calculator,), tool_steps=1)
    result = asked(CATALOGUE["corex_debate"](3, rounds=0, judge=judge), reply)
    assert (result.answer.text, result.answer.data["judged"]) == ("9", True)
    assert "4" in [thought.text for thought in result.thoughts if thought.role == "tool"]
