"""Passages ranked by a walk over their facts, against the walk worked out by hand; clusters of texts."""

import pytest

from disputatio.memory.clustering import soft_clusters
from disputatio.memory.knowledge_graph import Triple
from disputatio.memory.passage_graph import DAMPING, PASSAGE_WEIGHT, PassageGraph

np = pytest.importorskip("numpy")
pytest.importorskip("sklearn")


def apart(texts: object) -> list[list[float]]:
    """Vectors of texts that have nothing in common."""
    return np.eye(len(list(texts))).tolist()  # type: ignore[call-overload,no-any-return]


def walked(graph: PassageGraph, starts: dict[object, float]) -> dict[object, float]:
    """Where the walk is in the long run, by solving its equations."""
    nodes = list(graph.graph)
    weights = np.array([[graph.graph.get_edge_data(a, b, {}).get("weight", 0.0) for b in nodes] for a in nodes])
    start = np.array([starts.get(node, 0.0) for node in nodes])
    start /= start.sum()
    leaving = weights.sum(axis=1)
    moves = np.array([weights[i] / leaving[i] if leaving[i] else start for i in range(len(nodes))])
    found = np.linalg.solve(np.eye(len(nodes)) - DAMPING * moves.T, (1 - DAMPING) * start)
    return dict(zip(nodes, found, strict=True))


STAR = [(0, Triple("hub", "knows", "ann")), (0, Triple("hub", "knows", "ben")), (1, Triple("hub", "knows", "cas"))]


def test_a_star_is_walked_as_its_equations_say() -> None:
    graph = PassageGraph(3, STAR, apart)
    assert graph.graph["hub"]["ann"]["weight"] == 2, "a fact joins its entities in both directions"
    assert graph.graph[0]["hub"]["weight"] == 1
    ranks = graph.rank({2: 0.8}, [0.0, 0.0, 1.0])
    # The hub is in two passages, so it counts half; passage 2 says nothing and is only near.
    expected = walked(graph, {"hub": 0.8 / 2, "cas": 0.8, 2: PASSAGE_WEIGHT})
    assert ranks == pytest.approx([expected[number] for number in range(3)], abs=1e-6)
    assert ranks[1] > ranks[0] > ranks[2], "the passage that states the fact comes first"


def test_only_the_best_linked_entities_start_the_walk() -> None:
    graph = PassageGraph(2, STAR[:1] + STAR[2:], apart)
    ranks = graph.rank({0: 1.0, 1: 0.5}, [0.0, 0.0], linked=1)
    assert ranks == pytest.approx([walked(graph, {"ann": 1.0})[number] for number in range(2)], abs=1e-6)


def test_without_anything_to_start_from_passages_stay_as_near_as_they_are() -> None:
    assert PassageGraph(2, [], apart).rank({}, [0.0, 0.0]) == [0.0, 0.0]
    assert PassageGraph(2, STAR[:1], apart).rank({0: 0.0}, [0.0, 0.0]) == [0.0, 0.0]


def test_entities_are_one_whatever_their_case_and_synonyms_are_joined() -> None:
    def embed(texts: object) -> list[list[float]]:
        near = {"old clock": [1.0, 0.0], "ancient clock": [0.9, 0.1], "ab": [1.0, 0.0]}
        return [near.get(one, [0.0, 1.0]) for one in texts]  # type: ignore[attr-defined]

    facts = [
        (0, Triple("Key", "in", "old clock")),
        (1, Triple("KEY", "in", "Ancient clock")),
        (1, Triple("ab", "x", "key")),
    ]
    graph = PassageGraph(2, facts, embed).graph
    assert set(graph) == {0, 1, "key", "old clock", "ancient clock", "ab"}
    assert graph["old clock"]["ancient clock"]["weight"] == pytest.approx(2 * 0.9 / np.hypot(0.9, 0.1))
    assert not graph.has_edge("old clock", "ab"), "names of two letters are no synonyms"


def test_clusters_hold_what_belongs_together_and_nothing_is_lost() -> None:
    rng = np.random.default_rng(1)
    centres = np.eye(40)[:3]
    vectors = [(centres[n % 3] + rng.normal(scale=0.02, size=40)).tolist() for n in range(30)]
    clusters = soft_clusters(vectors)
    assert clusters == soft_clusters(vectors)
    assert {place for one in clusters for place in one} == set(range(30))
    assert len(clusters) <= 15
    assert all(len({place % 3 for place in one}) == 1 for one in clusters)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 12, 13, 30])
def test_clusters_are_at_most_half_as_many_as_texts(count: int) -> None:
    vectors = np.random.default_rng(count).normal(size=(count, 16)).tolist()
    clusters = soft_clusters(vectors)
    assert 1 <= len(clusters) <= max(1, count // 2)
    assert {place for one in clusters for place in one} == set(range(count))
    assert soft_clusters([[1.0, 0.0]] * count)
