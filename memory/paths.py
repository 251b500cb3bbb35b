"""Paths: the K shortest loop-free paths between two entities whose relations differ, as evidence in words.

Paths come in one order: short ones first, of those the ones whose relations come first by name (all forward ones
before all backward ones), of those the ones whose entities come first by name. K-Paths keeps the first path of each
sequence of relations, and of these the first K.

The search goes by sequences of relations and not by paths, so that a hub with a thousand equal paths costs a few set
operations: a sequence is followed by all paths at once, as the set of entities that they have reached.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import islice

from disputatio.errors import ConfigurationError
from disputatio.memory.knowledge_graph import KnowledgeGraph, Step, Triple


@dataclass(frozen=True)
class Path:
    """A way from the first of its entities to the last; it visits none twice."""

    entities: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def triples(self) -> tuple[Triple, ...]:
        """The facts that it goes along, each in its own direction."""
        ends = zip(self.entities, self.entities[1:], strict=False)
        return tuple(
            Triple(tail, step.relation, head) if step.inverse else Triple(head, step.relation, tail)
            for (head, tail), step in zip(ends, self.steps, strict=True)
        )

    def words(self, graph: KnowledgeGraph) -> str:
        """The path as a sentence, in the words of the graph's relations."""
        ends = zip(self.entities, self.steps, self.entities[1:], strict=False)
        return " and ".join(graph.words(head, step, tail) for head, step, tail in ends)


class Paths:
    """All paths of a graph as it is now, ready to be searched. Facts that are denied, and loops, are none."""

    def __init__(
        self, graph: KnowledgeGraph, *, inverses: bool = True, exclude: Iterable[tuple[str, str, str]] = ()
    ) -> None:
        """Copy the graph into one that is small and quick to search: 10^6 facts take some 10 s and 500 MB.

        Args:
            graph: Where the paths run.
            inverses: Whether they may go against the direction of a relation.
            exclude: Triples that are left out, those of a test set, for example.
        """
        without = set(exclude)
        self._names = sorted(graph.entities)
        ids = {name: number for number, name in enumerate(self._names)}
        relations = sorted({triple.relation for triple in graph.triples()})
        number = {relation: n for n, relation in enumerate(relations)}
        self._steps = [Step(relation, inverse) for inverse in (False, True) for relation in relations]
        # The relations from one entity to another; equal tuples are one object, since there are few that differ.
        self._out: list[dict[int, tuple[int, ...]]] = [{} for _ in self._names]
        self._into: list[AbstractSet[int]] = [set() for _ in self._names]
        same: dict[tuple[int, ...], tuple[int, ...]] = {}
        for triple in graph.triples():
            if triple.head == triple.tail or triple in without:
                continue
            head, tail, relation = ids[triple.head], ids[triple.tail], number[triple.relation]
            hops = [(head, tail, relation), (tail, head, relation + len(relations))]
            for source, target, step in hops[: 1 + inverses]:
                both = tuple(sorted({*self._out[source].get(target, ()), step}))
                self._out[source][target] = same.setdefault(both, both)
        if inverses:
            self._into = [out.keys() for out in self._out]
        else:
            sets: list[set[int]] = [set() for _ in self._names]
            for source, targets in enumerate(self._out):
                for target in targets:
                    sets[target].add(source)
            self._into = list(sets)

    def between(
        self,
        source: str,
        target: str,
        *,
        k: int | None = 10,
        max_length: int = 3,
        diverse: bool = True,
        hidden: Collection[str] = (),
    ) -> list[Path]:
        """The first paths from one entity to another.

        Args:
            source: Name of an entity.
            target: Name of another; there is no path from an entity to itself.
            k: The most paths; None is all.
            max_length: The most hops.
            diverse: Whether all have different sequences of relations, as in K-Paths.
            hidden: Relations of which no fact between the two is used, in either direction: what is to be predicted.

        Raises:
            ConfigurationError: If the graph has no such entity, or a number is below 1.
        """
        if max_length < 1 or (k is not None and k < 1):
            raise ConfigurationError(f"paths need k and max_length of at least 1, got {k} and {max_length}")
        start, end = self._id(source), self._id(target)
        if start == end:
            return []
        found = self._all(start, end, max_length, diverse, frozenset(hidden))
        return [
            Path(tuple(self._names[one] for one in route), tuple(self._steps[step] for step in steps))
            for route, steps in islice(found, k)
        ]

    def around(self, entity: str, *, k: int = 10, besides: str = "", hidden: Collection[str] = ()) -> list[Path]:
        """The first one-hop paths from an entity, each by another relation; what K-Paths shows where there is no path.

        Args:
            entity: Name of an entity.
            k: The most paths.
            besides: The entity to which facts of `hidden` are left out.
            hidden: See `between`.

        Raises:
            ConfigurationError: If the graph has no such entity.
        """
        start, other = self._id(entity), self._id(besides) if besides else -1
        first: dict[int, int] = {}
        for near, steps in self._out[start].items():
            for step in steps:
                if near != other or self._steps[step].relation not in hidden:
                    first[step] = min(first.get(step, near), near)
        return [Path((entity, self._names[first[step]]), (self._steps[step],)) for step in sorted(first)[:k]]

    def _id(self, name: str) -> int:
        at = bisect_left(self._names, name)
        if at == len(self._names) or self._names[at] != name:
            raise ConfigurationError(f"the graph has no entity {name!r}")
        return at

    def _all(
        self, start: int, end: int, max_length: int, diverse: bool, hidden: Collection[str]
    ) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
        for step in self._out[start].get(end, ()):
            if self._steps[step].relation not in hidden:
                yield (start, end), (step,)
        # Entities from which the end is so many hops away, along ways that pass neither end.
        near: dict[int, set[int]] = {1: set(self._into[end]) - {start}}
        for length in range(2, max_length + 1):
            for hops in range(len(near) + 1, length - 1):
                near[hops] = set().union(*(self._into[one] for one in near[hops - 1])) - {start, end}
            for steps, fronts in self._sequences(start, end, length, near):
                routes = self._routes(start, end, steps, fronts)
                yield from ((route, steps) for route in islice(routes, 1 if diverse else None))

    def _sequences(
        self, start: int, end: int, length: int, near: dict[int, set[int]]
    ) -> Iterator[tuple[tuple[int, ...], list[set[int]]]]:
        """Sequences of relations in order, each with the entities that it may have reached after each hop."""

        def extend(
            front: Collection[int], steps: tuple[int, ...], fronts: list[set[int]]
        ) -> Iterator[tuple[tuple[int, ...], list[set[int]]]]:
            left = length - len(steps)
            if left == 1:
                for last in sorted({step for one in front for step in self._out[one][end]}):
                    yield (*steps, last), fronts
                return
            allowed = near.get(left - 1)
            alike: dict[tuple[int, ...], list[int]] = defaultdict(list)
            for one in front:
                out = self._out[one]
                for other in out.keys() - {start, end} if allowed is None else out.keys() & allowed:
                    alike[out[other]].append(other)
            reached: dict[int, set[int]] = defaultdict(set)
            for parallel, others in alike.items():
                for step in parallel:
                    reached[step].update(others)
            for step in sorted(reached):
                yield from extend(reached[step], (*steps, step), [*fronts, reached[step]])

        return extend([start], (), [])

    def _routes(
        self, start: int, end: int, steps: tuple[int, ...], fronts: list[set[int]]
    ) -> Iterator[tuple[int, ...]]:
        """The loop-free ways along a sequence of relations, in order; up to three hops there is at least one."""
        good: list[set[int]] = []
        for front, step in zip(reversed(fronts), reversed(steps), strict=False):
            after = good[-1] if good else {end}
            good.append({one for later in after for one in front & self._into[later] if step in self._out[one][later]})
        good.reverse()

        def go_on(route: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
            at = len(route) - 1
            if at == len(good):
                yield (*route, end)
                return
            out = self._out[route[-1]]
            for one in sorted(good[at] & out.keys()):
                if one not in route and steps[at] in out[one]:
                    yield from go_on((*route, one))

        return go_on((start,))
