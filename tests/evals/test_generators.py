"""Generators: every key is found again by another way, read off the text that a strategy sees."""

import itertools
import json
import re
from fractions import Fraction
from random import Random

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disputatio.errors import ConfigurationError
from disputatio.evals import Item, load, score
from disputatio.evals.generators import GENERATORS, GYM, causal_models, graph_walks, key_chain, planted_errors
from disputatio.evals.metrics import known_of, solution_of
from disputatio.thought import Answer

SEEDS = st.integers(0, 10**6)
some = settings(max_examples=25, deadline=None)


def right_answer(item: Item) -> str:
    target = item.target
    if item.scorer == "grid":
        return json.dumps(target)
    return "; ".join(map(str, target)) if isinstance(target, list) else str(target)


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_items_are_a_function_of_the_seed_and_their_keys_score_right(name: str) -> None:
    one, same, other = (load(name, limit=12, seed=seed).items for seed in (1, 1, 2))
    assert list(one) == list(same)
    assert not {item.question.text for item in one} & {item.question.text for item in other}
    assert len({item.id for item in one}) == 12
    assert list(load(name, limit=5, seed=1).items) == list(one)[:5]
    for item in one:
        text = right_answer(item)
        assert score(item, Answer(text=text, value=item.question.canonical(text))).value == 1
    assert len(load(name).items) == 100


@some
@given(SEEDS)
def test_planted_errors_are_where_the_key_says_and_nowhere_else(seed: int) -> None:
    record = planted_errors(Random(seed))
    steps = [
        re.fullmatch(r"Step (\d+): (-?\d+) ([-+*]) (\d+) = (-?\d+)", line) for line in record["context"].splitlines()
    ]
    wrong, before = [], re.match(r"Start with (\d+)", record["question"])[1]  # type: ignore[index]
    for step in steps:
        assert step
        number, left, sign, right, result = step.groups()
        assert left == before
        known = {"+": int(left) + int(right), "-": int(left) - int(right), "*": int(left) * int(right)}[sign]
        wrong += [number] if known != int(result) else []
        before = result
    assert [record["answer"]] == (wrong or ["none"])


def test_planted_errors_are_solutions_for_a_verifier() -> None:
    items = load("planted_errors", limit=60).items
    found = [known_of(item) for item in items]
    assert 10 < sum(one.correct is True for one in found) < 30
    assert all(solution_of(item)[1].text.startswith("Step 1:") for item in items)


@some
@given(SEEDS, st.sampled_from([1024, 2048, 4096]))
def test_a_search_for_keys_finds_the_question_in_four_steps(seed: int, length: int) -> None:
    record = key_chain(Random(seed), length=length)
    text = record["context"]
    pairs = dict(re.findall(r'\{"([0-9a-f]{8})": "([^"]*)"\}', text))
    assert len(pairs) == 4 * 4 * length // 1024  # four chains for each 1,024 tokens, of four pairs
    assert text.count('{"') == len(pairs)
    assert abs(len(text) / 4 - length) <= 0.02 * length
    key, looked_up = re.findall(r"\b[0-9a-f]{8}\b", record["question"])[0], 0
    while key in pairs:
        key, looked_up = pairs[key], looked_up + 1
    assert looked_up == 4
    assert pairs[record["fields"]["keys"][-1]] == key
    assert list(pairs.values()).count(key) == 1  # no other chain ends in it
    assert key not in record["question"]
    crate = re.findall(r"crate (\d+)", key)[0]
    [hall] = re.findall(rf"Crate {crate} stands in hall (\d+)\.", text)
    assert re.findall(rf"Hall {hall} is in (\w+)\.", text) == [record["answer"]]
    assert re.sub(r' \{"[^}]*\}', "", text) == record["fields"]["without_pairs"]


@some
@given(SEEDS)
def test_walks_end_where_a_search_of_the_graph_ends(seed: int) -> None:
    record = graph_walks(Random(seed))
    graph = nx.MultiDiGraph()
    for line in record["context"].splitlines():
        head, relation, tail = re.fullmatch(r"(node \d+) (\w+) (node \d+)", line).groups()  # type: ignore[union-attr]
        graph.add_edge(head, tail, relation=relation)
    relations = re.findall(r"'(\w+)'", record["question"])
    [start] = re.findall(r"Start at (node \d+)", record["question"])
    ends = set()
    for _, middle, edge in graph.out_edges(start, data=True):
        for _, tail, further in graph.out_edges(middle, data=True):
            if [edge["relation"], further["relation"]] == relations:
                ends.add(tail)
    assert set(record["answer"]) == ends
    assert ends


@some
@given(SEEDS)
def test_counterfactuals_follow_from_the_text(seed: int) -> None:
    record = causal_models(Random(seed))
    first, *lines = record["context"].splitlines()
    roots = re.findall(r"\w+", first.removeprefix("Nothing explains "))
    rules = {
        name: (word, re.findall(r"\w+", parents))
        for name, word, parents in (
            re.fullmatch(r"(\w+) happens exactly if (all|at least one|none) of these? happens?: (.*)\.", line).groups()  # type: ignore[union-attr]
            for line in lines
        )
    }
    observed, _, asks = record["question"].partition(" Nothing else was seen. ")
    seen = {name: not negated for name, negated in re.findall(r"(\w+) (?:happened|(did not happen))[,.]", observed)}
    [(changed, negated, asked)] = re.findall(r"Had (\w+) (not )?happened, would (\w+) have", asks)

    def happens(name: str, world: dict[str, bool], forced: dict[str, bool]) -> bool:
        if name in forced:
            return forced[name]
        if name in world:
            return world[name]
        word, parents = rules[name]
        number = sum(happens(parent, world, forced) for parent in parents)
        return {"all": number == len(parents), "at least one": number > 0, "none": number == 0}[word]

    worlds = [dict(zip(roots, values, strict=True)) for values in itertools.product((False, True), repeat=len(roots))]
    possible = [one for one in worlds if all(happens(name, one, {}) == value for name, value in seen.items())]
    answers = {happens(asked, one, {changed: not negated}) for one in possible}
    assert answers == {record["answer"] == "yes"}
    assert seen[changed] == bool(negated)


def test_counterfactuals_are_answered_yes_and_no() -> None:
    answers = [item.target for item in load("causal_models", limit=200).items]
    assert 70 < answers.count("yes") < 130


@pytest.mark.filterwarnings("ignore", "ignore::pytest.PytestUnraisableExceptionWarning")  # of its libraries
class TestReasoningGym:
    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("reasoning_gym", reason="the extra reasoning-gym is not installed")

    @pytest.mark.parametrize("name", sorted(itertools.chain(*GYM.values())))
    def test_keys_score_right(self, name: str) -> None:
        task = load(f"reasoning_gym:{name}", limit=4, seed=3)
        assert list(task.items) == list(load(f"reasoning_gym:{name}", limit=4, seed=3).items)
        for item in task.items:
            text = right_answer(item)
            if item.scorer == "expression":
                assert sum(Fraction(one) for one in item.parameters["numbers"]) > 0  # type: ignore[union-attr]
                continue
            assert score(item, Answer(text=text, value=item.question.canonical(text))).value == 1

    def test_all_of_them_take_turns(self) -> None:
        items = load("reasoning_gym", limit=50, seed=3).items
        assert len({item.meta["task"] for item in items}) == len(list(itertools.chain(*GYM.values())))

    def test_a_name_that_is_not_there(self) -> None:
        with pytest.raises(ConfigurationError, match="did you mean 'leg_counting'"):
            load("reasoning_gym:leg_count")
