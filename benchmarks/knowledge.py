"""Measures knowledge graphs: path queries, 10^6 facts, ranking rules, saving.

python benchmarks/knowledge.py FOLDER [short | mined]      # a folder with kg_codex_s, kg_wn18rr, kg_family and kg_umls
"""

import platform
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import median

from disputatio.memory import KnowledgeGraph, Paths, Rule, Rules, load_graph, read_graph, sample_bodies, save_graph

QUERIES = 1000
LENGTH = {"kg_umls": 2}
"""Relations of a rule's body at most: in UMLS nearly everything is three hops from everything."""
K, HOPS = 10, 3


def cpu(work: Callable[[], object]) -> float:
    """Seconds of CPU time that something takes."""
    began = time.process_time()
    work()
    return time.process_time() - began


def queries(folder: Path, file: str) -> None:
    """Paths between the two ends of test facts, whose own relation is hidden, and between random entities."""
    graph = read_graph(folder / file)
    draw, known = Random(0), sorted(graph.entities)
    test = [one for one in read_graph(folder / "test.tsv").triples() if {one.head, one.tail} <= set(known)]
    asked = {
        "test facts": [(one.head, one.tail, one.relation) for one in draw.sample(test, QUERIES)],
        "random pairs": [(draw.choice(known), draw.choice(known), "") for _ in range(QUERIES)],
    }
    for inverses in (True, False):
        paths = Paths(graph, inverses=inverses)
        for name, pairs in asked.items():
            took, found = [], 0
            for source, target, hidden in pairs:
                began = time.process_time()
                found += len(paths.between(source, target, k=K, max_length=HOPS, hidden=(hidden,)))
                took.append(time.process_time() - began)
            took.sort()
            print(
                f"{folder.name:11} {name:12} {'both ways' if inverses else 'forwards':9} "
                f"{QUERIES / sum(took):8,.0f} queries/s  median {median(took) * 1e3:6.3f} ms  "
                f"p99 {took[QUERIES * 99 // 100] * 1e3:7.3f} ms  {found / QUERIES:5.2f} paths each"
            )


def large(entities: int = 200_000, facts: int = 1_000_000, relations: int = 50) -> None:
    """A random graph of a million facts, with a few hubs."""
    draw, graph = Random(0), KnowledgeGraph()

    def one() -> str:
        return f"e{int(entities * draw.random() ** 3)}"

    def fill() -> None:
        while len(graph.asserted.edges) < facts:
            for _ in range(facts - len(graph.asserted.edges)):
                graph.add(one(), f"r{draw.randrange(relations)}", one(), source="random")

    print(f"10^6 facts: made in {cpu(fill):.1f} s", flush=True)
    made: list[Paths] = []
    print(f"10^6 facts: ready for queries in {cpu(lambda: made.append(Paths(graph))):.1f} s", flush=True)
    known = sorted(graph.entities)
    pairs = [(draw.choice(known), draw.choice(known)) for _ in range(QUERIES)]
    found = 0

    def ask() -> None:
        nonlocal found
        found = sum(len(made[0].between(source, target, k=K, max_length=HOPS)) for source, target in pairs)

    print(f"10^6 facts: {QUERIES / cpu(ask):,.0f} queries/s, {found / QUERIES:.2f} paths each", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.kg"
        print(f"10^6 facts: saved in {cpu(lambda: save_graph(graph, path)):.1f} s", end=", ")
        print(f"{path.stat().st_size / 1e6:.0f} MB, read in {cpu(lambda: load_graph(path)):.1f} s")


def mined(folder: Path, most: int) -> None:
    """Held-out facts ranked by the rules that `chatrule(sampled=True)` mines without a model, over all relations."""
    graph = read_graph(folder / "train.tsv")
    held, seen = read_graph(folder / "test.tsv"), set(graph.triples())
    known = [*seen, *held.triples(), *read_graph(folder / "valid.tsv").triples()]
    scorer, began = Rules(graph), time.process_time()
    count = Counter(one.relation for one in held.triples() if one not in seen)
    total, ranks, hits = 0, 0.0, Counter[int]()
    for head, _ in count.most_common(most):
        bodies = sample_bodies(graph, head, anchors=5, max_length=LENGTH.get(folder.name, 3))
        rules = [Rule(head, body) for body in bodies]
        best = sorted((one for one in rules if scorer.score(one).support), key=lambda one: -scorer.score(one).pca)[:20]
        test = [one for one in held.triples() if one.relation == head and one not in seen]
        result = scorer.evaluate(best, test, known)
        total, ranks = total + result.queries, ranks + result.mrr * result.queries
        hits.update({k: share * result.queries for k, share in result.hits.items()})  # type: ignore[arg-type]
    shares = ", ".join(f"Hits@{k} {hits[k] / total:.3f}" for k in sorted(hits))
    took, heads = time.process_time() - began, min(most, len(count))
    print(f"{folder.name:11} {heads} relations: MRR {ranks / total:.3f}, {shares} ({total} queries, {took:.0f} s)")


def rules(folder: Path) -> None:
    """Sampling and scoring all rules of two relations, and ranking held-out facts by the best of them."""
    graph = read_graph(folder / "train.tsv")
    held, seen = read_graph(folder / "test.tsv"), set(graph.triples())
    known = [*seen, *held.triples(), *read_graph(folder / "valid.tsv").triples()]
    scorer = Rules(graph)
    for head in ("uncle", "husband"):
        bodies = sample_bodies(graph, head, anchors=20)
        began = time.process_time()
        scored = sorted((Rule(head, body) for body in bodies), key=lambda rule: -scorer.score(rule).pca)
        took = time.process_time() - began
        best = [rule for rule in scored if scorer.score(rule).support][:20]
        test = [one for one in held.triples() if one.relation == head and one not in seen]
        result = scorer.evaluate(best, test, known)
        print(
            f"{folder.name:11} {head:8} {len(bodies)} sampled bodies scored in {took:.1f} s; the 20 best by PCA: "
            f"MRR {result.mrr:.3f}, Hits@1 {result.hits[1]:.3f}, Hits@10 {result.hits[10]:.3f} "
            f"({result.queries} queries)"
        )


if __name__ == "__main__":
    print(f"Python {platform.python_version()}, CPU time")
    if len(sys.argv) > 1:
        data = Path(sys.argv[1])
        for name in ("kg_umls", "kg_family", "kg_codex_s"):
            mined(data / name, most=12)
        if sys.argv[2:] != ["mined"]:
            rules(data / "kg_family")
            queries(data / "kg_wn18rr", "train.tsv.gz")
            for name in ("kg_codex_s", "kg_umls", "kg_family"):
                queries(data / name, "train.tsv")
    if len(sys.argv) < 3:  # a second word leaves them out
        large()
