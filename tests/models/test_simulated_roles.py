"""Each role of the simulated model by itself: many replies to one prompt that an agent really writes, against the law.

Seeds are fixed, and a share may differ from its law by four standard errors.
"""

import asyncio
from collections import Counter
from dataclasses import replace
from itertools import permutations
from math import sqrt
from typing import Any

import pytest

from disputatio.agents import Agent, Critic, Debater, Judge, Verifier, answered, contesting, upholding
from disputatio.agents.forms import read
from disputatio.context import Context
from disputatio.graphs.ballots import Approval, Ranking, voter
from disputatio.model import Reply, Request
from disputatio.models import SimulatedModel
from disputatio.question import Question
from disputatio.state import State
from disputatio.thought import Thought

TRIALS = 1500
ASKED = Question(text="How far is it?", answer_type="number")
RIGHT, *WRONG = SimulatedModel().chances(ASKED)


def claim(author: str, answer: str) -> Thought:
    return Thought(
        author=author, role="debater", kind="claim", text=f"Answer: 1\nNo.\n\nAnswer: {answer}", answer=answer
    )


def refutal(answer: str) -> Thought:
    text = f'On "somebody: the answer is {answer}": Reason: so.\nVerdict: refuted\nScore: 3'
    return Thought(author="verifier", role="verifier", kind="verdict", text=text)


def request_of(agent: Agent, *seen: Thought) -> Request:
    """What an agent really sends when it has seen these thoughts."""
    sent: list[Request] = []

    class Listener(SimulatedModel):
        async def complete(self, request: Request, on_text: Any = None) -> Reply:
            sent.append(request)
            return await super().complete(request, on_text)

    runtime: Any = type("Runtime", (), {"context": Context(models={"default": Listener()})})
    asyncio.run(agent(State(question=ASKED, thoughts=list(seen), round=1), runtime))
    return sent[-1]


def replies(agent: Agent, *seen: Thought, **settings: Any) -> list[str]:
    """So many replies to one prompt, each with a seed of its own."""
    request, model = request_of(agent, *seen), SimulatedModel(**settings)

    async def ask() -> list[str]:
        asked = [replace(request, seed=seed, temperature=None) for seed in range(TRIALS)]
        return [(await model.complete(one)).text for one in asked]

    return asyncio.run(ask())


def shares(texts: list[str]) -> dict[str, float]:
    """How often each answer was given, read as agents read it."""
    form = answered(ASKED)
    values = [getattr(read(text, form), "answer", None) for text in texts]
    return {str(value): count / TRIALS for value, count in Counter(values).items()}


def assert_laws(found: dict[str, float], laws: dict[str, float]) -> None:
    for value in {*found, *laws}:
        law = laws.get(value, 0.0)
        assert abs(found.get(value, 0.0) - law) <= 4 * sqrt(law * (1 - law) / TRIALS), f"{value}: {found}, not {laws}"


PANEL = (claim("debater 1", WRONG[0]), claim("debater 2", RIGHT), claim("debater 3", RIGHT))


def test_alone_it_draws_from_its_chances() -> None:
    settings = {"accuracy": 0.5, "popular": 0.6}
    found = shares(replies(Debater("debater 1"), **settings))
    assert_laws(found, {RIGHT: 0.5, WRONG[0]: 0.3, WRONG[1]: 0.1, WRONG[2]: 0.1})


@pytest.mark.parametrize("conformity", [0.0, 0.4, 1.0])
def test_who_answered_before_conforms_or_goes_through_the_own_answer(conformity: float) -> None:
    settings = {"accuracy": 0.5, "wrong_answers": 1, "critic_hit": 0.6, "critic_alarm": 0.2, "conformity": conformity}
    mistaken = shares(replies(Debater("debater 1"), *PANEL, **settings))
    turned = conformity + (1 - conformity) * 0.6 * 0.5  # to the majority, or by doubt and a fresh answer
    assert_laws(mistaken, {RIGHT: turned, WRONG[0]: 1 - turned})
    outvoted = (claim("debater 1", RIGHT), claim("debater 2", WRONG[0]), claim("debater 3", WRONG[0]))
    lost = conformity + (1 - conformity) * 0.2 * 0.5
    assert_laws(shares(replies(Debater("debater 1"), *outvoted, **settings)), {RIGHT: 1 - lost, WRONG[0]: lost})


def test_a_tie_is_decided_by_the_own_answer_or_drawn() -> None:
    tied = PANEL[:2]
    assert shares(replies(Debater("debater 1"), *tied, conformity=1)) == {WRONG[0]: 1.0}
    assert shares(replies(Debater("debater 2"), *tied, conformity=1)) == {RIGHT: 1.0}
    drawn = shares(replies(Debater("debater 4"), *tied, conformity=1))
    assert_laws(drawn, {RIGHT: 0.5, WRONG[0]: 0.5})


def test_only_the_latest_answer_of_an_author_counts() -> None:
    changed = (*PANEL, claim("debater 2", WRONG[0]))
    assert shares(replies(Debater("debater 4"), *changed, conformity=1)) == {WRONG[0]: 1.0}


def test_a_refuted_answer_is_not_given_again_unless_all_are() -> None:
    settings = {"accuracy": 0.5, "popular": 0.6}
    found = shares(replies(Debater("debater 1"), *PANEL, refutal(WRONG[0]), **settings))
    assert_laws(found, {RIGHT: 0.5 / 0.7, WRONG[1]: 0.1 / 0.7, WRONG[2]: 0.1 / 0.7})
    assert shares(replies(Judge(), *PANEL, refutal(RIGHT), **settings)) == {WRONG[0]: 1.0}
    both = (refutal(RIGHT), refutal(WRONG[0]))
    assert_laws(shares(replies(Judge(), *PANEL, *both, **settings)), {RIGHT: 0.5 / 0.8, WRONG[0]: 0.3 / 0.8})


@pytest.mark.parametrize("bias", [0.0, 0.5])
def test_a_judge_takes_the_first_or_weighs_those_shown(bias: float) -> None:
    settings = {"accuracy": 0.5, "popular": 0.6, "position_bias": bias}
    found = shares(replies(Judge(), *PANEL, **settings))
    right = (1 - bias) * 0.5 / 0.8
    assert_laws(found, {RIGHT: right, WRONG[0]: 1 - right})
    if bias:  # nobody else is biased
        assert_laws(shares(replies(Debater("debater 1"), *PANEL, **settings)), {WRONG[0]: 1.0})


def test_a_judge_upholds_a_holder_of_the_answer() -> None:
    judge = replace(Judge(), form=upholding([one.author for one in PANEL]))
    texts = replies(judge, *PANEL, accuracy=0.5)
    assert {(f"Answer: {RIGHT}" in text, text.rpartition("Upholds: ")[2]) for text in texts} == {
        (True, "debater 2"),
        (False, "debater 1"),
    }


def test_a_debater_disputes_where_it_finds_fault() -> None:
    texts = replies(contesting(Debater("debater 2")), *PANEL, critic_hit=0.7)
    disputing = sum(text.endswith("Disputes: \n1. debater 1") for text in texts) / TRIALS
    assert_laws({"disputes": disputing}, {"disputes": 0.7})
    assert all("Disputes: none" in text or "debater 1" in text for text in texts)


@pytest.mark.parametrize(("majority", "rate"), [(RIGHT, 0.2), (WRONG[0], 0.7)])
def test_a_critic_wants_another_round_at_its_rates(majority: str, rate: float) -> None:
    panel = (claim("debater 1", majority), claim("debater 2", majority), claim("debater 3", WRONG[1]))
    texts = replies(Critic(), *panel, critic_hit=0.7, critic_alarm=0.2)
    again = sum('"another_round": true' in text for text in texts) / TRIALS
    assert_laws({"again": again}, {"again": rate})


@pytest.mark.parametrize(("stated", "rate"), [(RIGHT, 0.2), (WRONG[2], 0.7)])
def test_a_verifier_refutes_at_its_rates(stated: str, rate: float) -> None:
    texts = replies(Verifier(), claim("debater 1", stated), verifier_hit=0.7, verifier_alarm=0.2)
    refuted = sum('"verdict": "refuted"' in text for text in texts) / TRIALS
    assert_laws({"refuted": refuted}, {"refuted": rate})


def test_voters_approve_by_faults_and_rank_by_odds() -> None:
    listed = [WRONG[0], RIGHT]
    voting = voter(Debater("debater 1"), "approvals", listed)
    texts = replies(voting, *PANEL, accuracy=0.5, wrong_answers=1, critic_hit=0.6, critic_alarm=0.3)
    approved = Counter(tuple(form.approved) for text in texts if (form := read(text, Approval)))
    neither = 0.6 * 0.3  # then the one that is liked best, each with even odds
    laws = {("1", "2"): 0.4 * 0.7, ("1",): 0.4 * 0.3 + neither / 2, ("2",): 0.6 * 0.7 + neither / 2}
    assert_laws({str(k): n / TRIALS for k, n in approved.items()}, {str(k): law for k, law in laws.items()})
    weights = {"1": 0.3, "2": 0.5, "3": 0.1}
    ranking = voter(Debater("debater 1"), "rankings", [*listed, WRONG[1]])
    texts = replies(ranking, *PANEL, accuracy=0.5, popular=0.6)
    ranked = Counter(tuple(form.ranking) for text in texts if (form := read(text, Ranking)))
    laws = {(a, b, c): weights[a] / 0.9 * weights[b] / (weights[b] + weights[c]) for a, b, c in permutations(weights)}
    assert_laws({str(k): n / TRIALS for k, n in ranked.items()}, {str(k): law for k, law in laws.items()})


def test_unreadable_replies_are_as_frequent_as_asked() -> None:
    texts = replies(Debater("debater 1"), unreadable=0.25)
    assert_laws({"None": shares(texts)["None"]}, {"None": 0.25})
