"""Rules: the worked example of ChatRule to the digit, scores equal to brute force, reading, ranks and chaining."""

import re
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disputatio.errors import ConfigurationError
from disputatio.memory import (
    KnowledgeGraph,
    Rule,
    Rules,
    Step,
    Triple,
    forward_chain,
    read_graph,
    read_rule,
    read_rules,
    sample_bodies,
)

pytest.importorskip("scipy", reason="scipy is not installed")
DATA = Path(__file__).parents[2].parent / "shared" / "data"
FAMILY = """father(a,b) father(a,c) mother(d,b) mother(d,c) husband(a,d) father(e,f) mother(g,f) father(h,i)
mother(j,i) husband(h,k) husband(m,n)"""
HUSBAND = Rule("husband", (Step("father"), Step("mother", inverse=True)))
RELATIONS = ["father", "husband", "mother"]


def family(facts: str = FAMILY) -> KnowledgeGraph:
    graph = KnowledgeGraph()
    for relation, head, tail in re.findall(r"(\w+)\((\w+),(\w+)\)", facts):
        graph.add(head, relation, tail)
    return graph


def test_the_worked_example_to_the_digit() -> None:
    rules = Rules(family())
    score = rules.score(HUSBAND)
    assert score == (1, 1 / 3, 1 / 3, 1 / 2)
    assert rules.body(HUSBAND.body).nnz == 3
    assert rules.predict([HUSBAND], "a") == {"d": 1.0}, "two paths of 0.5, not one"
    assert rules.predict([HUSBAND], "e") == {"g": 0.5}
    assert rules.predict([HUSBAND], "m") == {}
    assert rules.predict([HUSBAND], "d", inverse=True) == {"a": 1.0}
    assert rules.predict([HUSBAND, HUSBAND], "a", weight="confidence") == {"d": pytest.approx(2 / 3)}
    assert rules.example(HUSBAND) == ("a", "husband", "d")


def test_a_body_that_joins_nothing_scores_nothing() -> None:
    rules = Rules(family())
    nothing = Rule("husband", (Step("husband"), Step("husband")))
    assert rules.score(nothing) == (0, 0, 0, 0)
    assert rules.predict([nothing], "a") == {}
    assert rules.example(nothing) is None


def test_samples_are_sequences_without_names_and_without_the_fact_itself() -> None:
    assert sample_bodies(family(), "husband", anchors=3) == [HUSBAND.body]
    assert sample_bodies(family("husband(m,n)"), "husband") == []
    two = family("husband(a,d) wife(d,a)")
    assert sample_bodies(two, "husband") == [(Step("wife", inverse=True),)]


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("husband(X,Y) <-- father(X,Z) & mother(Y,Z)", HUSBAND.body),
        ("husband(X, Y) <- fathr(X, Z) & mother(Y, Z)", HUSBAND.body),
        ("1. husband(X, Y) :- mother(Y, Z), father(X, Z)", HUSBAND.body),
        ("- husband(A,B) <- inv_father(Z1,A) \u2227 inv_mother(Z1,B)", HUSBAND.body),
        ("inv_husband(Y,X) <- father(X,Z) and mother(Y,Z).", HUSBAND.body),
        ("husband(X,Y) <- inv_husband(Y,X)", "it says nothing new"),
        ("husband(X,Y) <- husband(X,Z) & inv_husband(Z,W) & husband(W,Y)", "it says nothing new"),
        ("husband(X,Y) <- loves(X,Y)", "there is no relation 'loves'"),
        ("husband(X,Y) <- father(X,Z,3) & mother(Y,Z)", "other than two variables"),
        ("husband(X,Y) <- father(X,Anna) & mother(Y,Anna)", "other than two variables"),
        ("husband(X,Y) <- father(X,Z)", "no chain from X to Y"),
        ("husband(X,Y) <- father(X,Z) & mother(Y,Z) & mother(Y,W)", "no chain"),
        ("husband(X,Y) <- father(X,Z) & father(W,Z) & mother(W,V) & mother(Y,V)", "its body has 4 atoms"),
        ("husband(X,Y) <- ", "its body has 0 atoms"),
        ("mother(X,Y) <- father(X,Y)", "it concludes 'mother'"),
        ("husband(X,Y)", "no arrow"),
    ],
)
def test_rules_are_read_as_models_write_them(text: str, body: object) -> None:
    if isinstance(body, str):
        with pytest.raises(ValueError, match=body):
            read_rule(text, "husband", RELATIONS)
    else:
        assert read_rule(text, "husband", RELATIONS).body == body


def test_names_of_relations_may_hold_marks() -> None:
    known = ["location&of", "part_of", "co-occurs with", "inv_verse"]
    text = "part_of(X,Y) <- location&of(X,Z) & co-occurs with(Z,W) & inv_verse(W,Y)"
    assert [str(step) for step in read_rule(text, "part_of", known).body] == known[:1] + known[2:]


def test_what_is_no_rule_is_reported_and_equal_rules_are_one() -> None:
    text = "So I think:\nhusband(X,Y) <- father(X,Z) & mother(Y,Z)\nhusband(A,B) <- father(A,C) & mother(B,C)\nx <- y"
    rules, refused = read_rules(text, "husband", RELATIONS)
    assert rules == [HUSBAND]
    assert refused == ["x <- y: it has no arrow behind one atom"]
    assert read_rule(str(HUSBAND), "husband", RELATIONS) == HUSBAND


def test_a_rule_is_told_in_words() -> None:
    graph = family()
    graph.describe("father", forward="{head} is the father of {tail}")
    graph.describe("mother", forward="{head} is the mother of {tail}", backward="{tail} has the mother {head}")
    assert HUSBAND.words(graph) == "If X is the father of Z1 and Z1 has the mother Y, then X husband Y."
    assert str(HUSBAND) == "husband(X, Y) <- father(X, Z1) & inv_mother(Z1, Y)"


names = st.sampled_from("abcdef")
facts = st.lists(st.tuples(names, st.sampled_from(["r", "s", "t"]), names), min_size=1, max_size=25)


def paths_of(graph: KnowledgeGraph, body: tuple[Step, ...]) -> dict[tuple[str, str], int]:
    """How many paths along a body join two entities, counted one by one."""
    found: dict[tuple[str, str], int] = {}
    triples = set(graph.triples())
    for chain in product(sorted(graph.entities), repeat=len(body) + 1):
        hops = zip(chain, body, chain[1:], strict=False)
        if all(((b, s.relation, a) if s.inverse else (a, s.relation, b)) in triples for a, s, b in hops):
            found[chain[0], chain[-1]] = found.get((chain[0], chain[-1]), 0) + 1
    return found


steps = st.builds(Step, st.sampled_from(["r", "s", "t"]), st.booleans())


@settings(max_examples=150)
@given(facts, st.lists(steps, min_size=1, max_size=3))
def test_scores_equal_brute_force(given_: list[tuple[str, str, str]], body: list[Step]) -> None:
    graph = KnowledgeGraph()
    for triple in [*given_, ("a", "r", "b"), ("b", "s", "c"), ("c", "t", "a")]:
        graph.add(*triple)
    rule = Rule("r", tuple(body))
    joined = paths_of(graph, rule.body)
    held = {(head, tail) for head, relation, tail in graph.triples() if relation == "r"}
    heads = {head for head, _ in held}
    support = len(held & set(joined))
    known = sum(1 for head, _ in joined if head in heads)
    rules = Rules(graph)
    score = rules.score(rule)
    assert score.support == support
    assert score.coverage == support / len(held)
    assert score.confidence == (support / len(joined) if joined else 0)
    assert score.pca == (support / known if known else 0)
    assert 0 <= score.confidence <= score.pca <= 1
    matrix = rules.body(rule.body).tocoo()
    counted = zip(matrix.row.tolist(), matrix.col.tolist(), matrix.data.tolist(), strict=True)
    assert {(rules.entities[row], rules.entities[column]): count for row, column, count in counted} == joined
    for head in graph.entities:
        paid = {tail: count * score.pca for (start, tail), count in joined.items() if start == head and support}
        assert rules.predict([rule], head) == pytest.approx(paid)


def test_ties_count_against_the_true_one_and_other_right_answers_do_not() -> None:
    graph = family("sees(a,m) owns(m,x) owns(m,y) owns(m,z) likes(b,w) sees(b,n) owns(n,w)")
    rule = Rule("likes", (Step("sees"), Step("owns")))
    rules, test = Rules(graph), [Triple("a", "likes", "x")]
    # Tail: x ties with y and z, rank 3. Head: only a is joined to x, rank 1.
    found = rules.evaluate([rule], test, [*graph.triples(), *test])
    assert found == ((1 / 3 + 1) / 2, {1: 0.5, 5: 1.0, 10: 1.0}, 2)
    filtered = rules.evaluate([rule], test, [*graph.triples(), *test, Triple("a", "likes", "y")])
    assert filtered.mrr == (1 / 2 + 1) / 2
    # Without a rule nothing scores, so that everything ties: 8 entities, of which none is filtered but the true one.
    assert rules.evaluate([], test, test).mrr == 1 / len(graph.entities)
    unknown = [Triple("a", "likes", "nobody")]
    assert rules.evaluate([rule], unknown, unknown).mrr == 1 / (len(graph.entities) + 1)


def test_a_graph_that_was_told_the_answer_is_not_evaluated() -> None:
    graph = family()
    with pytest.raises(ConfigurationError, match="holds the test fact"):
        Rules(graph).evaluate([HUSBAND], [Triple("a", "husband", "d")], [])


def test_a_planted_rule_is_found_among_the_samples_ranked_first_and_predicts_all() -> None:
    uncles = [f"brother(u{n},f{n}) father(f{n},c{n})" for n in range(12)]
    graph = family(" ".join([*uncles, *(f"uncle(u{n},c{n})" for n in range(8)), "friend(u1,c1) friend(u2,c3)"]))
    rules = Rules(graph)
    planted = Rule("uncle", (Step("brother"), Step("father")))
    found = [Rule("uncle", body) for body in sample_bodies(graph, "uncle", anchors=8)]
    assert max(found, key=lambda rule: rules.score(rule).pca) == planted
    assert rules.score(planted).pca == 1
    test = [Triple(f"u{n}", "uncle", f"c{n}") for n in range(8, 12)]
    assert rules.evaluate([planted], test, [*graph.triples(), *test]) == (1.0, {1: 1.0, 5: 1.0, 10: 1.0}, 8)
    assert forward_chain(graph, [planted]) == sorted(test)


def test_chaining_goes_on_until_nothing_new_follows() -> None:
    graph = family(" ".join(f"before(p{n},p{n + 1})" for n in range(6)))
    rule = Rule("before", (Step("before"), Step("before")))
    assert len(forward_chain(graph, [rule])) == 6 * 7 // 2 - 6
    assert len(graph) == 6, "the graph stays as it is"


@pytest.mark.parametrize("head", ["husband", "niece"])
def test_scores_on_the_family_graph_equal_sets(head: str) -> None:
    folder = DATA / "kg_family"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    graph = read_graph(folder / "train.tsv")
    rules = Rules(graph)
    pairs: dict[Step, set[tuple[str, str]]] = {}
    for one, relation, other in graph.triples():
        pairs.setdefault(Step(relation), set()).add((one, other))
        pairs.setdefault(Step(relation, inverse=True), set()).add((other, one))
    for body in sample_bodies(graph, head, anchors=2, max_length=2)[:6]:
        joined = pairs[body[0]]
        for step in body[1:]:
            after: dict[str, list[str]] = {}
            for start, far in pairs[step]:
                after.setdefault(start, []).append(far)
            joined = {(one, far) for one, near in joined for far in after.get(near, ())}
        support = len(joined & pairs[Step(head)])
        known = {one for one, _ in pairs[Step(head)]}
        pca = support / len([one for one, _ in joined if one in known])
        score = rules.score(Rule(head, body))
        assert (score.support, score.confidence, score.pca) == (support, support / len(joined), pca)
