"""Probabilistic programs and causal models: worked by hand, by brute force, and against a public data set."""

import json
import re
from fractions import Fraction
from itertools import product
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disputatio.errors import ToolError
from disputatio.tools import causal_effect, causal_query, probability
from disputatio.tools.causal import back_door, front_door, graph_of
from disputatio.tools.chances import distribution, expression_of, program_of

CLADDER = Path(__file__).parents[2].parent / "shared" / "data" / "cladder" / "data.jsonl"
BAYES = "sick = bernoulli(1/100)\nobserve(bernoulli(0.99 if sick else 0.05), True)"
MONTY = "car = choice([1, 2, 3])\nhost = choice([2, 3]) if car == 1 else (3 if car == 2 else 2)\nobserve(host == 3)"
NOISY_OR = """
flu = bernoulli(1/10)
cold = bernoulli(1/5)
fever = bernoulli(1 - (1 - 0.8 * flu) * (1 - 0.5 * cold) * (1 - 0.01))
observe(fever)"""


def exact(program: str, query: str) -> Fraction:
    lines = program_of(program)
    return distribution(lines, expression_of(query, lines, what="query")).get(True, Fraction(0))


def test_bayes() -> None:
    assert exact(BAYES, "sick") == Fraction(99, 99 + 99 * 5) == Fraction(1, 6)
    assert probability(BAYES, "sick") == {"probability": "1/6 (about 0.166666666667)"}


def test_the_host_of_monty_hall_makes_changing_worth_it() -> None:
    assert exact(MONTY, "car == 2") == Fraction(2, 3)
    assert probability(MONTY, "car")["mean"] == "5/3 (about 1.66666666667)"


def test_a_noisy_or() -> None:
    # P(no fever | flu, cold) = 0.2^flu 0.5^cold 0.99
    no = {(f, c): Fraction(99, 100) * Fraction(1, 5) ** f * Fraction(1, 2) ** c for f, c in product((0, 1), repeat=2)}
    prior = {(f, c): Fraction(1 + 8 * (1 - f), 10) * Fraction(1 + 3 * (1 - c), 5) for f, c in no}
    with_fever = {case: prior[case] * (1 - no[case]) for case in no}
    assert exact(NOISY_OR, "flu") == sum(p for (f, _), p in with_fever.items() if f) / sum(with_fever.values())


def test_sixty_coins_are_few_states() -> None:
    lines = "\n".join(f"x{n} = bernoulli(1/2)\ns{n} = x{n}{f' + s{n - 1}' if n else ''}" for n in range(60))
    assert exact(lines, "s59 == 30") == Fraction(118264581564861424, 2**60)


@pytest.mark.parametrize("program", [BAYES, MONTY, NOISY_OR])
def test_samples_come_near_and_say_how_near(program: str) -> None:
    query = {BAYES: "sick", MONTY: "car == 2", NOISY_OR: "flu"}[program]
    truth = float(exact(program, query))
    errors = []
    for seed in range(20):
        found = probability(program, query, samples=400, seed=seed)
        errors.append((found["estimate"] - truth) / found["standard_error"])
    assert found["effective_samples"] <= 400
    assert all(abs(one) < 5 for one in errors)
    spread = sqrt(sum(one**2 for one in errors) / len(errors))
    assert 0.5 < spread < 1.7, "errors are as large as is said: the mean square of 20 has a standard error of a third"


@st.composite
def networks(draw: st.DrawFn) -> tuple[str, list[list[Fraction]], list[list[int]]]:
    """A program of four variables with random parents and tables, the same as data."""
    lines, tables, parents = [], [], []
    for place in range(4):
        above = sorted(draw(st.sets(st.integers(0, place - 1), max_size=2))) if place else []
        table = [Fraction(draw(st.integers(1, 9)), 10) for _ in range(2 ** len(above))]
        chosen = str(table[-1])
        for row, values in list(enumerate(product((0, 1), repeat=len(above))))[:-1]:
            test = " and ".join(f"{'' if value else 'not '}v{one}" for one, value in zip(above, values, strict=True))
            chosen = f"{table[row]} if {test} else ({chosen})"
        lines.append(f"v{place} = bernoulli({chosen})")
        tables.append(table)
        parents.append(above)
    return "\n".join(lines), tables, parents


def joint(
    tables: list[list[Fraction]], parents: list[list[int]], do: dict[int, int]
) -> dict[tuple[int, ...], Fraction]:
    found = {}
    for values in product((0, 1), repeat=len(tables)):
        chance = Fraction(1)
        for place, above in enumerate(parents):
            if place in do:
                chance *= values[place] == do[place]
                continue
            row = sum(values[one] << (len(above) - n - 1) for n, one in enumerate(above))
            chance *= tables[place][row] if values[place] else 1 - tables[place][row]
        found[values] = chance
    return found


def share(found: dict[tuple[int, ...], Fraction], **given: int) -> Fraction:
    return sum(
        (p for values, p in found.items() if all(values[int(k[1:])] == v for k, v in given.items())), Fraction(0)
    )


def rational(report: dict[str, Any]) -> Fraction:
    return Fraction(report["probability"].split(" ")[0])


@settings(max_examples=40)
@given(networks())
def test_queries_and_identified_effects_are_those_of_brute_force(
    network: tuple[str, list[list[Fraction]], list[list[int]]],
) -> None:
    program, tables, parents = network
    seen, done = joint(tables, parents, {}), joint(tables, parents, {1: 1})
    assert rational(causal_query(program, "v3", given="v0 or v2")) == Fraction(
        sum(p for v, p in seen.items() if v[3] and (v[0] or v[2])), sum(p for v, p in seen.items() if v[0] or v[2])
    )
    effect = rational(causal_query(program, "v3", do="v1 = True"))
    assert effect == share(done, v3=1)
    arrows = [f"v{one} -> v{place}" for place, above in enumerate(parents) for one in above]
    net = graph_of(", ".join(arrows) or "v0 -> v1")
    net.add_nodes_from(f"v{place}" for place in range(4))
    chosen = back_door(net, "v1", "v3", set())
    if chosen is None:
        assert net.has_edge("v3", "v1"), "what is observed can be adjusted for"
        return
    names = sorted(chosen)
    adjusted = sum(
        share(seen, v3=1, v1=1, **row) / share(seen, v1=1, **row) * share(seen, **row)
        for row in (dict(zip(names, values, strict=True)) for values in product((0, 1), repeat=len(names)))
    )
    assert adjusted == effect


def test_a_front_door_gives_the_effect_that_a_hidden_cause_would_distort() -> None:
    program = """
u = bernoulli(1/2)
x = bernoulli(0.8 if u else 0.3)
m = bernoulli(0.9 if x else 0.2)
y = bernoulli((0.7 if m else 0.1) + (0.2 if u else 0))"""
    found = causal_effect("u -> x, u -> y, x -> m, m -> y", "x", "y", hidden=["u"])
    assert (found["criterion"], found["through"]) == ("front door", ["m"])

    def p(query: str, given: str = "") -> Fraction:
        return rational(causal_query(program, query, given=given))

    sides = {True: "{}", False: "not {}"}
    formula = sum(
        p(sides[m].format("m"), "x")
        * sum(p("y", f"{sides[x].format('x')} and {sides[m].format('m')}") * p(sides[x].format("x")) for x in sides)
        for m in sides
    )
    assert formula == rational(causal_query(program, "y", do="x = True"))
    assert formula != p("y", "x")


@pytest.mark.parametrize(
    ("graph", "criterion"),
    [
        ("z -> x, z -> y, x -> y", "back door"),
        ("x -> m, m -> y, x <-> y", "front door"),
        ("x -> y, x <-> y", "none"),
        ("x <-> y, z -> y", "none needed"),
        ("x <-> m, x -> m, m -> y, x <-> y", "none"),
    ],
)
def test_criteria(graph: str, criterion: str) -> None:
    assert causal_effect(graph, "x", "y")["criterion"] == criterion


def test_m_bias_and_colliders_are_not_adjusted_for() -> None:
    butterfly = "a -> x, a -> c, b -> c, b -> y, x -> y"
    assert causal_effect(butterfly, "x", "y", adjust=[])["adjustment_is_valid"]
    assert not causal_effect(butterfly, "x", "y", adjust=["c"])["adjustment_is_valid"]
    assert causal_effect(butterfly, "x", "y", adjust=["a", "c"])["adjustment_is_valid"]
    assert not causal_effect("x -> m, m -> y", "x", "y", adjust=["m"])["adjustment_is_valid"]
    assert front_door(graph_of("x -> m, m -> y, x <-> y, m <-> y"), "x", "y", set()) is None


def test_counterfactuals_keep_what_was_drawn() -> None:
    # A firing squad: had the first not shot, the prisoner would be as dead, because the captain's order stays.
    squad = "order = bernoulli(1/2)\na = order\nb = order\ndead = a or b"
    assert rational(causal_query(squad, "dead", do="a = False", given="dead", counterfactual=True)) == 1
    assert rational(causal_query(squad, "dead", do="a = False")) == Fraction(1, 2)
    noisy = "u = bernoulli(1/4)\nx = bernoulli(1/2)\ny = x and not u"
    assert rational(causal_query(noisy, "y", do="x = True", given="not y and not x", counterfactual=True)) == Fraction(
        3, 4
    )
    assert rational(causal_query(noisy, "y", do="x = False", given="y", counterfactual=True)) == 0
    with pytest.raises(ToolError, match="'y' is drawn with chances that depend on what is changed"):
        causal_query("x = bernoulli(1/2)\ny = bernoulli(0.9 if x else 0.1)", "y", do="x = True", counterfactual=True)


REFUSED = [
    ("import os", "a", "no line of a program"),
    ("a = ().__class__", "a", "not in the language"),
    ("a = __import__('os')", "a", "has no value yet"),
    ("a = b", "a", "'b' has no value yet"),
    ("a = 1\na = 2", "a", "has a value already"),
    ("bernoulli = 1", "bernoulli", "has a value already"),
    ("a = bernoulli(2)", "a", "at least 0 and add up to 1"),
    ("a = choice({'x': 1/2})", "a", "at least 0 and add up to 1"),
    ("a = 9**9**9", "a", "power is too large"),
    ("a = uniform(1, 10**9)", "a", "at most 1000"),
    ("a = 1 / 0", "a", "divides by zero"),
    ("a = 'x' + 1", "a", "is a word"),
    ("a = bernoulli(1/2)\nobserve(a and not a)", "a", "cannot happen"),
    ("a = bernoulli(1/2)", "a; a", "one expression"),
    ("a = bernoulli(1/2)", "bernoulli(1/2)", "name on a line of its own"),
    ("\n".join(f"a{n} = 1" for n in range(300)), "a1", "at most 200"),
    ("\n".join(f"x{n} = bernoulli(1/2)" for n in range(40)), f"sum({', '.join(f'x{n}' for n in range(40))})", "states"),
]


@pytest.mark.parametrize(("program", "query", "why"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_program_is_refused_in_one_line(program: str, query: str, why: str) -> None:
    with pytest.raises(ToolError, match=why) as caught:
        probability(program, query)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("graph", "why"),
    [("a b", "no arrow"), ("a -> b, b -> a", "circle"), ("", "between 1 and 60"), ("p -> q", "not in the graph")],
)
def test_what_is_no_graph_is_refused(graph: str, why: str) -> None:
    with pytest.raises(ToolError, match=why):
        causal_effect(graph, "x", "y")


def cladder(query_type: str) -> list[dict[str, Any]]:
    if not CLADDER.exists():
        pytest.skip(f"the data set CLadder is not at {CLADDER.parent.name}")
    rows = [json.loads(line) for line in CLADDER.read_text(encoding="utf-8").splitlines()]
    return [one for one in rows if one["fields"]["query_type"] == query_type]


def test_deterministic_counterfactuals_of_cladder() -> None:
    items, right = cladder("det-counterfactual"), 0
    for item in items:
        reasoning = item["fields"]["reasoning"].split("\n")
        [[outcome, action, value, wanted, seen]] = re.findall(
            r"(\w+)_\{(\w+)=(\d)\} = (\d) \| *(.*)", item["fields"]["formal_form"]
        )
        equations = dict(
            re.findall(r"^(\w+) = (not \w+|\w+(?: (?:and|or) (?:not )?\w+)*)$", "\n".join(reasoning), re.M)
        )
        roots = sorted({*re.findall(r"[A-Z]\w*", " ".join(reasoning[1:2])), action} - set(equations))
        order = re.findall(r"(\w+)->(\w+)", reasoning[1])
        lines = [f"{root} = bernoulli(1/2)" for root in roots]
        left = dict(equations)
        while left:
            ready = next(name for name in left if not {one for one, other in order if other == name} & set(left))
            lines.append(f"{ready} = {left.pop(ready)}")
        given = " and ".join(f"{name} == {one}" for name, one in re.findall(r"(\w+)=(\d)", seen))
        found = causal_query("\n".join(lines), f"{outcome} == {wanted}", do=f"{action} = {value}", given=given,
                             counterfactual=True)  # fmt: skip
        right += ("yes" if rational(found) == 1 else "no") == item["answer"]
    assert right == len(items)


def test_adjustments_of_cladder() -> None:
    items, right, read = cladder("backadj"), 0, 0
    for item in items:
        text = item["question"].partition("relationships: ")[2]
        arrows = []
        for cause, effects in re.findall(r"([A-Z][\w' -]+?) has a direct effect on ([\w' ,-]+?)\.", text):
            arrows += [(cause.lower(), one.strip().lower()) for one in re.split(r",| and ", effects) if one.strip()]
        code = {name: f"n{place}" for place, name in enumerate(sorted({name for arrow in arrows for name in arrow}))}
        first = re.search(r"Method 1: We look (?:directly )?at how (.+?) correlates with (.+?) (case by case|in)", text)
        cases = re.search(r"case by case according to (.+?)\.", text)
        asked = [first[1].lower(), first[2].lower(), cases[1].lower()] if first and cases else []
        if not first or not asked or not set(asked) <= set(code):
            continue
        graph = ", ".join(f"{code[one]} -> {code[other]}" for one, other in arrows)
        x, y, z = (code[one] for one in asked)
        by_case = causal_effect(graph, x, y, adjust=[z])["adjustment_is_valid"]
        plain = causal_effect(graph, x, y, adjust=[])["adjustment_is_valid"]
        first_is_better = (by_case and not plain) if first[3] == "case by case" else (plain or not by_case)
        read, right = read + 1, right + (("yes" if first_is_better else "no") == item["answer"])
    assert right == read == len(items)
