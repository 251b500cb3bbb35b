"""Walks in a knowledge graph: which nodes are reached from one by following relations."""

from random import Random
from typing import Any

_RELATIONS = ("advises", "funds", "hosts", "supplies", "trains")


def graph_walks(rng: Random, *, nodes: int = 14, edges: int = 34, hops: int = 2) -> dict[str, Any]:
    """Make one record: name all nodes that a walk ends in, in a graph drawn at random and given as a list of facts.

    Args:
        rng: Makes all choices.
        nodes: How many there are.
        edges: How many facts.
        hops: How many relations the walk follows.
    """
    names = [f"node {number}" for number in rng.sample(range(100, 1000), nodes)]
    triples = sorted({(rng.choice(names), rng.choice(_RELATIONS), rng.choice(names)) for _ in range(edges)})
    triples = [(head, relation, tail) for head, relation, tail in triples if head != tail]
    rng.shuffle(triples)
    # A walk that exists: each next fact begins where the last one ended.
    while True:
        walk = [rng.choice(triples)]
        while len(walk) < hops and (further := [one for one in triples if one[0] == walk[-1][2]]):
            walk.append(rng.choice(further))
        if len(walk) == hops:
            break
    start, relations = walk[0][0], [relation for _, relation, _ in walk]
    reached = {start}
    for relation in relations:
        reached = {tail for head, named, tail in triples if head in reached and named == relation}
    return {
        "question": f"Start at {start} and follow {', then '.join(repr(one) for one in relations)}. Which nodes are "
        "reached?",
        "context": "\n".join(f"{head} {relation} {tail}" for head, relation, tail in triples),
        "answer": sorted(reached),
        "target_type": "text_list",
        "fields": {"start": start, "relations": relations},
    }
