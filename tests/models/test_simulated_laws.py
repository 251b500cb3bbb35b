"""The laws that strategies follow on a simulated model: what is measured on real graphs against exact enumeration.

Seeds are fixed, and a share may differ from its law by four standard errors.
"""

import asyncio
import time
from itertools import product
from math import comb, prod, sqrt

import pytest

import disputatio as dp
from disputatio.evals import Forecast, forecast
from disputatio.graphs import best_of, chain_of_thought, debate, disputation, self_consistency
from disputatio.models import SimulatedModel
from disputatio.models.gateway import ATTEMPTS
from disputatio.question import Question

Ballots = tuple[str, ...]


def assert_near(share: float, law: float, trials: int) -> None:
    assert abs(share - law) < 4 * sqrt(law * (1 - law) / trials), f"{share} instead of {law}"


def assert_law(found: Forecast, law: float) -> None:
    assert found.abstained == found.failed == 0
    assert_near(found.accuracy, law, found.questions)


def wins(ballots: Ballots) -> float:
    """The chance that "right" wins these votes by plurality, ties drawn."""
    counts = {one: ballots.count(one) for one in ballots}
    best = [one for one, count in counts.items() if count == max(counts.values())]
    return ("right" in best) / len(best)


def plurality(chances: dict[str, float], voters: int) -> float:
    """The chance that independent voters with these chances find the answer "right"."""
    return sum(prod(chances[one] for one in votes) * wins(votes) for votes in product(chances, repeat=voters))


@pytest.mark.parametrize("settings", ["accuracy=0.6", "accuracy=0.25,popular=0.9", "accuracy=0.6,spread=0.3"])
def test_chain_of_thought_is_as_good_as_its_model(settings: str) -> None:
    model = SimulatedModel.of(settings)
    assert isinstance(model.accuracy, float)
    assert_law(forecast(chain_of_thought, model, questions=600), model.accuracy)


@pytest.mark.parametrize(("accuracy", "samples", "worked"), [(0.6, 5, 0.68256), (0.4, 3, 0.352)])
def test_a_majority_over_two_answers_follows_condorcets_law(accuracy: float, samples: int, worked: float) -> None:
    law = sum(
        comb(samples, right) * accuracy**right * (1 - accuracy) ** (samples - right)
        for right in range(samples // 2 + 1, samples + 1)
    )
    assert law == pytest.approx(worked)
    model = SimulatedModel(accuracy=accuracy, wrong_answers=1, seed=2)
    assert_law(forecast(self_consistency(samples=samples), model, questions=400), law)


def test_a_plurality_follows_the_multinomial_law_and_a_popular_error_turns_it_round() -> None:
    uniform = plurality({"right": 0.4, "w1": 0.2, "w2": 0.2, "w3": 0.2}, 5)
    popular = plurality({"right": 0.4, "w1": 0.57, "w2": 0.015, "w3": 0.015}, 5)
    assert popular < 0.4 < 0.5 < uniform
    strategy = self_consistency(samples=5)
    assert_law(forecast(strategy, SimulatedModel(accuracy=0.4), questions=400), uniform)
    assert_law(forecast(strategy, SimulatedModel(accuracy=0.4, popular=0.95), questions=400), popular)


def test_samples_of_one_question_share_its_difficulty() -> None:
    # With accuracies of 0 and 1 only, all samples of a question agree, and voting gains nothing.
    model = SimulatedModel(accuracy=0.6, spread=0.4898, wrong_answers=1)
    assert_law(forecast(self_consistency(samples=5), model, questions=200), 0.6)


def best_of_law(p: float, hit: float, alarm: float, n: int) -> float:
    """Best of n over two answers: the best score wins, then the answer that was given more often, then the first."""
    law = 0.0
    for outcome in product((True, False), repeat=2 * n):
        right, refuted = outcome[:n], outcome[n:]
        weight = 1.0
        for is_right, is_refuted in zip(right, refuted, strict=True):
            rate = alarm if is_right else hit
            weight *= (p if is_right else 1 - p) * (rate if is_refuted else 1 - rate)
        best = max(range(n), key=lambda place: (not refuted[place], right.count(right[place]), -place))
        law += weight * right[best]
    return law


def test_best_of_n_follows_the_rates_of_its_verifier() -> None:
    p, hit, alarm = 0.5, 0.8, 0.1
    assert best_of_law(p, 1, 0, 3) == pytest.approx(1 - (1 - p) ** 3)  # a perfect verifier finds any right answer
    # Of two: both right, or one of each and told apart (0.72), or not told apart (0.26) and the first one right.
    assert best_of_law(p, hit, alarm, 2) == pytest.approx(0.25 + 0.5 * (0.72 + 0.26 / 2))
    model = SimulatedModel(accuracy=p, wrong_answers=1, verifier_hit=hit, verifier_alarm=alarm)
    assert_law(forecast(best_of(chain_of_thought, n=3), model, questions=300), best_of_law(p, hit, alarm, 3))


def test_a_verifiers_score_is_the_chance_of_being_right() -> None:
    model = SimulatedModel(accuracy=0.5, verifier_hit=0.8, verifier_alarm=0.1)
    result = dp.solve("How far?", strategy=best_of(chain_of_thought, n=12), model=model, seed=1)
    scores = {one.data["verdict"]: one.score for one in result.thoughts if one.role == "verifier"}
    assert scores == {"supported": 0.82, "refuted": 0.11}  # 0.45 / 0.55 and 0.05 / 0.45


def test_a_biased_judge_prefers_the_first() -> None:
    p, bias, trials = 0.7, 0.6, 300
    strategy = debate(2, rounds=1, decision="judge")
    model = SimulatedModel(accuracy=p, wrong_answers=1, position_bias=bias)
    law = p * p + 2 * p * (1 - p) * (bias / 2 + (1 - bias) * p)
    assert_law(forecast(strategy, model, questions=trials), law)
    first = apart = 0
    for number in range(200):
        result = dp.solve(f"Which? {number}", strategy=strategy, model=model, seed=number)
        one, other, judge = (thought.answer for thought in result.thoughts)
        apart += one != other
        first += one != other and judge == one
    assert_near(first / apart, bias + (1 - bias) / 2, apart)


def debate_law(p: float, hit: float, alarm: float, conformity: float) -> float:
    """Three debaters over two answers: one round alone, one after all were read, then the majority."""

    def stays_right(own: bool, most: bool) -> float:
        reviewed = 1 - alarm * (1 - p) if own else hit * p
        return conformity * most + (1 - conformity) * reviewed

    law = 0.0
    for first in product((True, False), repeat=3):
        chances = [stays_right(own, sum(first) >= 2) for own in first]
        for second in product((True, False), repeat=3):
            weight = prod(p if one else 1 - p for one in first)
            weight *= prod(chance if one else 1 - chance for chance, one in zip(chances, second, strict=True))
            law += weight * (sum(second) >= 2)
    return law


def test_conformity_takes_the_gain_out_of_debate() -> None:
    p, hit, alarm = 0.6, 0.8, 0.2
    alone = 3 * p**2 * (1 - p) + p**3
    reviewed = p + p * (1 - p) * (hit - alarm)
    assert debate_law(p, hit, alarm, 0) == pytest.approx(3 * reviewed**2 * (1 - reviewed) + reviewed**3)
    assert debate_law(p, hit, alarm, 1) == pytest.approx(alone)  # the second round repeats the vote of the first
    laws = [debate_law(p, hit, alarm, conformity) for conformity in (0, 0.5, 1)]
    assert laws[0] > laws[1] > laws[2]
    for conformity, law in zip((0, 1), laws[::2], strict=True):
        model = SimulatedModel(
            accuracy=p, wrong_answers=1, critic_hit=hit, critic_alarm=alarm, conformity=conformity, seed=1
        )
        assert_law(forecast(debate(3, rounds=2), model, questions=300), law)


def test_checks_that_tell_right_from_wrong_help_a_disputation() -> None:
    blind, keen = SimulatedModel(accuracy=0.5), SimulatedModel(accuracy=0.5, verifier_hit=0.9, verifier_alarm=0.05)
    without, checked = (forecast(disputation(rounds=1), model, questions=100) for model in (blind, keen))
    assert checked.accuracy - without.accuracy > 0.15


def test_the_critical_path_is_counted_and_not_waited_for() -> None:
    model, started = SimulatedModel(latency=30), time.monotonic()
    paths = [
        (chain_of_thought, 1),
        (self_consistency(samples=8), 1),
        (debate(4, rounds=3), 3),
        (debate(2, rounds=2, decision="judge"), 3),
        (best_of(debate(2, rounds=2), n=3), 3),
        (disputation(rounds=1), 5),  # plan, openings, claims, checks, ruling; replies only where somebody objects
    ]
    for strategy, calls in paths:
        found = forecast(strategy, model, questions=2)
        extra = found.seconds / 60 - calls
        assert extra == pytest.approx(0) or (strategy.name == "disputation" and 0 < extra <= 1)
    assert time.monotonic() - started < 30


async def test_parallel_calls_wait_together() -> None:
    started = time.monotonic()
    model = SimulatedModel(latency=0.1)
    result = await dp.asolve("How far?", strategy="self_consistency", samples=20, model=model)
    assert result.usage.calls == 20
    assert 0.1 <= time.monotonic() - started < 1  # one after another they take 2 s


def test_faults_are_tried_again_and_counted() -> None:
    rate, trials = 0.4, 400
    model = SimulatedModel(fault_rate=rate)
    found = forecast(chain_of_thought, model, questions=trials)
    assert_near(found.failed / trials, rate ** ATTEMPTS["overloaded"], trials)
    assert found.usage.calls == trials - found.failed
    asked = found.usage.calls + model.faults
    assert_near(model.faults / asked, rate, asked)
    assert found.seconds > 0  # the waits before another attempt
    assert found.right + found.wrong + found.failed == trials


def test_a_forecast_repeats_and_works_inside_an_event_loop() -> None:
    async def inside() -> Forecast:
        return forecast(debate, SimulatedModel(), questions=5)

    first = forecast(debate, SimulatedModel(), questions=5)
    assert first == asyncio.run(inside())
    assert forecast(debate, SimulatedModel(), questions=[Question.of("Is it so?")]).questions == 1
