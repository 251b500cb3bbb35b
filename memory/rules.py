"""Rules: chains of relations that stand for a relation, scored against a knowledge graph, and what they predict.

    uncle(X, Y) <- brother(X, Z1) & father(Z1, Y)

ChatRule's formulas (Luo et al. 2023, arXiv:2309.01538, section 3.3 and the released code), on sparse matrices: the
product of the matrices of a rule's body counts its paths from each head to each tail.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, NamedTuple

from disputatio.errors import ConfigurationError, require, unknown
from disputatio.memory.knowledge_graph import KnowledgeGraph, Step, Triple
from disputatio.memory.paths import Paths

Weight = Literal["support", "coverage", "confidence", "pca"]


@dataclass(frozen=True)
class Rule:
    """head(X, Y) holds where a path along the body leads from X to Y."""

    head: str
    body: tuple[Step, ...]

    def __str__(self) -> str:
        ends = ["X", *(f"Z{number}" for number in range(1, len(self.body))), "Y"]
        atoms = [f"{step}({ends[n]}, {ends[n + 1]})" for n, step in enumerate(self.body)]
        return f"{self.head}(X, Y) <- {' & '.join(atoms)}"

    def words(self, graph: KnowledgeGraph) -> str:
        """The rule as a sentence."""
        ends = ["X", *(f"Z{number}" for number in range(1, len(self.body))), "Y"]
        shown = KnowledgeGraph(relations=graph.relations)
        for end in ends:
            shown.add_entity(end)
        body = [shown.words(ends[n], step, ends[n + 1]) for n, step in enumerate(self.body)]
        return f"If {' and '.join(body)}, then {shown.words('X', Step(self.head), 'Y')}."


class Score(NamedTuple):
    """How well a rule holds in a graph."""

    support: int
    """Facts of the head relation that it explains."""
    coverage: float
    """The share of these among all facts of the head relation."""
    confidence: float
    """The share of these among all pairs that the body joins."""
    pca: float
    """The same among the pairs whose head has the relation to anything: what a graph does not hold is not false."""


class Metrics(NamedTuple):
    """How well missing facts are ranked, by filtered ranks; ties count against the true one."""

    mrr: float
    """Mean of 1 / rank."""
    hits: Mapping[int, float]
    """The share of ranks of at most 1, 5 and 10."""
    queries: int


class Rules:
    """A graph as matrices, in which rules are scored and applied. It is a copy of what is asserted now."""

    def __init__(self, graph: KnowledgeGraph) -> None:
        """Make a matrix of each relation.

        Raises:
            MissingExtraError: If scipy is not installed.
        """
        sparse = require("scipy.sparse", extra="knowledge")
        self.entities = sorted(graph.entities)
        self._ids = {name: number for number, name in enumerate(self.entities)}
        pairs: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for head, relation, tail in graph.triples():
            pairs[relation].append((self._ids[head], self._ids[tail]))
        size = (len(self.entities),) * 2
        self._matrices: dict[str, Any] = {
            relation: sparse.csr_matrix(([1] * len(found), tuple(zip(*found, strict=True))), shape=size, dtype="int64")
            for relation, found in pairs.items()
        }
        self._empty = sparse.csr_matrix(size, dtype="float64")
        self._prefix: dict[tuple[Step, ...], Any] = {}

    @property
    def relations(self) -> list[str]:
        """The relations that have facts."""
        return sorted(self._matrices)

    def body(self, steps: Sequence[Step]) -> Any:
        """How many paths along these steps lead from each entity to each other, as a sparse matrix.

        Raises:
            ConfigurationError: If a relation has no facts, or there are no steps.
        """
        steps = tuple(steps)
        if not steps:
            raise ConfigurationError("the body of a rule has at least one relation")
        if steps not in self._prefix:
            last = self._matrix(steps[-1])
            self._prefix[steps] = last if len(steps) == 1 else (self.body(steps[:-1]) @ last).tocsr()
        return self._prefix[steps]

    def score(self, rule: Rule) -> Score:
        """Score a rule: exactly, over all pairs of entities.

        Raises:
            ConfigurationError: If one of its relations has no facts.
        """
        body, facts = self.body(rule.body), self._matrix(Step(rule.head))
        support = int(body.multiply(facts).nnz)
        rows = body.getnnz(axis=1)
        known = int(rows[facts.getnnz(axis=1) > 0].sum())
        return Score(
            support,
            support / facts.nnz,
            support / body.nnz if body.nnz else 0.0,
            support / known if known else 0.0,
        )

    def example(self, rule: Rule) -> Triple | None:
        """The first fact that a rule explains, if there is one."""
        both = self.body(rule.body).multiply(self._matrix(Step(rule.head))).tocoo()
        found = min(zip(both.row.tolist(), both.col.tolist(), strict=True), default=None)
        return Triple(self.entities[found[0]], rule.head, self.entities[found[1]]) if found else None

    def apply(self, rules: Iterable[Rule], *, weight: Weight = "pca") -> Any:
        """How much rules speak for each pair: the sum of score times number of paths, as a sparse matrix.

        Args:
            rules: Rules of one head relation; those without support are left out.
            weight: Which score counts.
        """
        total = self._empty
        for rule in dict.fromkeys(rules):
            if (score := self.score(rule)).support:
                total = total + self.body(rule.body) * float(getattr(score, weight))
        return total.tocsr()

    def predict(
        self, rules: Iterable[Rule], asked: str, *, weight: Weight = "pca", inverse: bool = False
    ) -> dict[str, float]:
        """The tails that rules predict for one head, the best first and equals by name.

        Args:
            rules: Rules of one head relation.
            asked: The head.
            weight: Which score counts.
            inverse: Whether heads are predicted for one tail instead.

        Raises:
            ConfigurationError: If the graph has no such entity.
        """
        if asked not in self._ids:
            raise ConfigurationError(f"the graph has no entity {asked!r}")
        scores = self.apply(rules, weight=weight)
        row = (scores.T.tocsr() if inverse else scores)[self._ids[asked]]
        found = zip(row.indices.tolist(), row.data.tolist(), strict=True)
        return {self.entities[tail]: score for tail, score in sorted(found, key=lambda one: (-one[1], one[0]))}

    def evaluate(
        self, rules: Iterable[Rule], test: Iterable[Triple], known: Iterable[Triple], *, weight: Weight = "pca"
    ) -> Metrics:
        """Rank the tail and the head of each test fact among all entities.

        Args:
            rules: Of any head relations; facts of others are ranked last.
            test: Facts that the graph does not hold.
            known: All facts that are true, the test facts among them: other right answers do not count against one.
            weight: Which score counts.

        Raises:
            ConfigurationError: If the graph holds one of the test facts, which it must not have been told.
        """
        of: dict[str, list[Rule]] = defaultdict(list)
        for rule in rules:
            of[rule.head].append(rule)
        right: dict[tuple[str, str, bool], set[str]] = defaultdict(set)
        for head, relation, tail in known:
            right[head, relation, False].add(tail)
            right[tail, relation, True].add(head)
        test = list(test)
        scores: dict[tuple[str, bool], Any] = {}
        for relation in {triple.relation for triple in test}:
            scores[relation, False] = self.apply(of[relation], weight=weight)
            scores[relation, True] = scores[relation, False].T.tocsr()
        ranks = []
        for head, relation, tail in test:
            if self._holds(head, relation, tail):
                raise ConfigurationError(f"the graph holds the test fact {head!r} {relation!r} {tail!r}")
            for asked, true, inverse in ((head, tail, False), (tail, head, True)):
                ranks.append(self._rank(scores[relation, inverse], asked, true, right[asked, relation, inverse]))
        hits = {k: sum(rank <= k for rank in ranks) / len(ranks) if ranks else 0.0 for k in (1, 5, 10)}
        return Metrics(sum(1 / rank for rank in ranks) / len(ranks) if ranks else 0.0, hits, len(ranks))

    def _rank(self, scores: Any, asked: str, true: str, right: set[str]) -> int:
        size = len(self.entities)
        if asked not in self._ids or true not in self._ids:
            return size + 1  # an entity that the graph does not know is found by nobody
        row = scores[self._ids[asked]].toarray()[0]
        wanted = row[self._ids[true]]
        row[[self._ids[other] for other in right | {true} if other in self._ids]] = -1
        return 1 + int((row >= wanted).sum())

    def _holds(self, head: str, relation: str, tail: str) -> bool:
        inside = relation in self._matrices and head in self._ids and tail in self._ids
        return inside and bool(self._matrices[relation][self._ids[head], self._ids[tail]])

    def _matrix(self, step: Step) -> Any:
        if step.relation not in self._matrices:
            raise unknown("relation", step.relation, self._matrices)
        matrix = self._matrices[step.relation]
        return matrix.T.tocsr() if step.inverse else matrix


def sample_bodies(
    graph: KnowledgeGraph, relation: str, *, anchors: int = 5, max_length: int = 3, seed: int | None = 0
) -> list[tuple[Step, ...]]:
    """The sequences of relations that join the two ends of some facts of a relation, besides the relation itself.

    Args:
        graph: Where the facts are.
        relation: The relation that rules are wanted for.
        anchors: How many of its facts are drawn.
        max_length: The most steps.
        seed: Of the draw.
    """
    facts = sorted(triple for triple in graph.triples() if triple.relation == relation)
    drawn = Random(seed).sample(facts, min(anchors, len(facts)))
    paths = Paths(graph)
    bodies = [
        path.steps for head, _, tail in drawn for path in paths.between(head, tail, k=None, max_length=max_length)
    ]
    return [body for body in dict.fromkeys(bodies) if body != (Step(relation),)]


def forward_chain(graph: KnowledgeGraph, rules: Iterable[Rule]) -> list[Triple]:
    """All facts that follow from a graph by rules, applied to what they gave until nothing new comes.

    Args:
        graph: What is known; it stays as it is.
        rules: Taken as if they held always.
    """
    pairs: dict[Step, set[tuple[str, str]]] = defaultdict(set)
    for head, relation, tail in graph.triples():
        pairs[Step(relation)].add((head, tail))
        pairs[Step(relation, inverse=True)].add((tail, head))
    rules, given, size = list(rules), set(graph.triples()), -1
    while size < (size := sum(map(len, pairs.values()))):
        for rule in rules:
            joined = pairs[rule.body[0]]
            for step in rule.body[1:]:
                after: dict[str, list[str]] = defaultdict(list)
                for middle, tail in pairs[step]:
                    after[middle].append(tail)
                joined = {(head, tail) for head, middle in joined for tail in after.get(middle, ())}
            pairs[Step(rule.head)] |= joined
            pairs[Step(rule.head, inverse=True)] |= {(tail, head) for head, tail in joined}
    heads = dict.fromkeys(rule.head for rule in rules)
    found = sorted(Triple(head, relation, tail) for relation in heads for head, tail in pairs[Step(relation)])
    return [triple for triple in found if triple not in given]
