"""Knowledge graph: facts that agents share, each with where it comes from and how sure that source is.

A typed multigraph on networkx: entities are nodes with types, and every relation between two entities is an edge of
its own. What a source denies is kept apart from what another one asserts. Nothing is settled in silence:
`contradictions` reports what does not go together, and a person or an agent retracts what is wrong.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import networkx as nx

from disputatio.errors import ConfigurationError
from disputatio.memory.names import Names

LONGEST_NAME = 1000
"""Characters of the name of an entity or a relation."""


class Triple(NamedTuple):
    """Head, relation, tail."""

    head: str
    relation: str
    tail: str


class Step(NamedTuple):
    """One hop along a relation, or against it."""

    relation: str
    inverse: bool = False

    def __str__(self) -> str:
        return f"inv_{self.relation}" if self.inverse else self.relation


@dataclass(frozen=True)
class Fact:
    """A triple with what is known of it."""

    triple: Triple
    sources: Mapping[str, float]
    """How sure each source is of it, above 0 and at most 1: a file and line, or the passage it was read in."""
    negated: bool = False
    """Whether the sources say that it is not so."""

    @property
    def confidence(self) -> float:
        """That of its surest source; sources may have copied one another, so they do not add up."""
        return max(self.sources.values(), default=1.0)


@dataclass(frozen=True)
class Relation:
    """How a relation is put into words, and whether an entity has it to one other at most."""

    forward: str = ""
    """Words for a fact, with {head} and {tail}; empty is the relation's name between the two."""
    backward: str = ""
    """Words for the same fact told from its tail, "{tail} is treated by {head}"; empty is `forward`."""
    functional: bool = False
    """Whether two tails of one head contradict each other: the place of birth of a person."""


@dataclass(frozen=True)
class Contradiction:
    """Facts that cannot all be so."""

    kind: Literal["functional", "negation"]
    """Several tails of a functional relation, or a triple that one source asserts and another denies."""
    facts: tuple[Fact, ...]


@dataclass(eq=False)
class KnowledgeGraph:
    """Facts, the names of entities, and what is known of relations. `k in graph` and `len(graph)` are about facts."""

    asserted: "nx.MultiDiGraph[str]" = field(default_factory=nx.MultiDiGraph)
    """What is said to be so: the relation is the edge's key, and its attribute `sources` is that of `Fact`."""
    denied: "nx.MultiDiGraph[str]" = field(default_factory=nx.MultiDiGraph)
    """What is said not to be so, likewise."""
    relations: dict[str, Relation] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    """Other names of entities."""
    version: int = 0
    """Grows with each change."""
    origin: str = ""
    """Which state of a file it was last read from or saved as; see `save_graph`."""
    _names: Names | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        return f"<KnowledgeGraph: {len(self.asserted)} entities, {len(self)} facts>"

    def __len__(self) -> int:
        return int(self.asserted.number_of_edges() + self.denied.number_of_edges())

    def __contains__(self, triple: tuple[str, str, str]) -> bool:
        head, relation, tail = triple
        return bool(self.asserted.has_edge(self.aliases.get(head, head), self.aliases.get(tail, tail), relation))

    @property
    def entities(self) -> list[str]:
        """The names of all entities."""
        return list(self.asserted)

    def triples(self) -> Iterator[Triple]:
        """All that is asserted."""
        return (Triple(head, relation, tail) for head, tail, relation in self.asserted.edges(keys=True))

    def facts(self) -> Iterator[Fact]:
        """All that is asserted and then all that is denied."""
        for graph in (self.asserted, self.denied):
            for head, tail, relation, data in graph.edges(keys=True, data=True):
                yield Fact(Triple(head, relation, tail), data["sources"], graph is self.denied)

    def fact(self, triple: tuple[str, str, str], *, negated: bool = False) -> Fact:
        """What is known of one triple.

        Raises:
            ConfigurationError: If the graph does not hold it.
        """
        head, relation, tail = triple
        graph, head, tail = self._side(negated), self.aliases.get(head, head), self.aliases.get(tail, tail)
        if not graph.has_edge(head, tail, relation):
            raise ConfigurationError(f"the graph holds no fact {head!r} {relation!r} {tail!r}")
        return Fact(Triple(head, relation, tail), graph[head][tail][relation]["sources"], negated)

    def add_entity(self, name: str, *, label: str = "", types: Iterable[str] = ()) -> str:
        """Add an entity, or what is new of it.

        Args:
            name: Its name, unique in the graph.
            label: How it is called in words; empty leaves it as it is, at first its name.
            types: What it is.

        Raises:
            ConfigurationError: If a name is empty or too long.
        """
        name = _name(name)
        name = self.aliases.get(name, name)
        if name not in self.asserted:
            self.asserted.add_node(name, label="", types=())
        node = self.asserted.nodes[name]
        node["label"] = label.strip() or node["label"]
        node["types"] = tuple(dict.fromkeys([*node["types"], *types]))
        self._changed()
        return name

    def add(
        self, head: str, relation: str, tail: str, *, confidence: float = 1.0, source: str = "", negated: bool = False
    ) -> Triple:
        """Add a fact, or a further source of it. A source that says it twice counts once, with its higher confidence.

        Args:
            head: Name or alias of an entity, which is made if it is new.
            relation: From head to tail.
            tail: As the head.
            confidence: How sure the source is, above 0 and at most 1.
            source: Where it comes from; empty if nobody knows.
            negated: Whether the source says that it is not so.

        Raises:
            ConfigurationError: If a name is empty or too long, or the confidence is out of range.
        """
        if not 0 < confidence <= 1:
            raise ConfigurationError(f"a confidence is above 0 and at most 1, not {confidence}")
        head, relation, tail = _name(head), _name(relation), _name(tail)
        head, tail = self.aliases.get(head, head), self.aliases.get(tail, tail)
        for name in (head, tail):
            if name not in self.asserted:
                self.asserted.add_node(name, label="", types=())
        _support(self._side(negated), Triple(head, relation, tail), {source: confidence})
        self._changed()
        return Triple(head, relation, tail)

    def describe(self, relation: str, *, forward: str = "", backward: str = "", functional: bool | None = None) -> None:
        """Say how a relation is put into words, and whether it is functional; what is left out stays as it is.

        Raises:
            ConfigurationError: If the words lack {head} or {tail}.
        """
        for words in (forward, backward):
            if words and not ("{head}" in words and "{tail}" in words):
                raise ConfigurationError(
                    f"the words of a relation hold {{head}} and {{tail}}, which {words!r} does not"
                )
        old = self.relations.get(relation, Relation())
        self.relations[_name(relation)] = Relation(
            forward or old.forward, backward or old.backward, old.functional if functional is None else functional
        )
        self._changed()

    def label(self, entity: str) -> str:
        """How an entity is called in words."""
        return self.asserted.nodes[entity]["label"] or entity.replace("_", " ")

    def words(self, head: str, step: Step, tail: str) -> str:
        """A hop from `head` to `tail` in words."""
        known = self.relations.get(step.relation, Relation())
        template = known.forward or f"{{head}} {step.relation.replace('_', ' ').strip()} {{tail}}"
        if step.inverse:
            template, head, tail = known.backward or template, tail, head
        # A name may hold braces, so it is put in by one pass and not by two.
        values = {"{head}": self.label(head), "{tail}": self.label(tail)}
        return re.sub(r"\{head\}|\{tail\}", lambda found: values[found.group()], template)

    def alias(self, name: str, of: str) -> None:
        """Make a name mean an entity. An entity of that name becomes one with it, with its facts and their sources.

        Raises:
            ConfigurationError: If the graph has no such entity, or both names are one already.
        """
        name, entity = _name(name), self.find(of)
        if self.aliases.get(name, name) == entity:
            raise ConfigurationError(f"{name!r} already means {entity!r}")
        old = self.aliases.get(name, name)
        if old in self.asserted:
            self._move(old, entity)
        self.aliases.update({other: entity for other, means in self.aliases.items() if means == old})
        self.aliases[name] = entity
        self._changed()

    def merge(self, other: "KnowledgeGraph") -> None:
        """Add all that another graph holds. Doing it twice, or in another order, leads to the same facts.

        Raises:
            ConfigurationError: If a name is an alias of one entity here and of another there; nothing is added then.
        """
        for name, entity in other.aliases.items():
            means = self.aliases.get(entity, entity)
            if self.aliases.get(name, means) != means:
                raise ConfigurationError(f"{name!r} means {self.aliases[name]!r} here and {entity!r} there")
        for entity, node in other.asserted.nodes(data=True):
            self.add_entity(entity, label=node["label"], types=node["types"])
        for name, entity in other.aliases.items():
            if name not in self.aliases:
                self.alias(name, entity)
        for fact in other.facts():
            for source, confidence in fact.sources.items():
                self.add(*fact.triple, confidence=confidence, source=source, negated=fact.negated)
        for name, relation in other.relations.items():
            known = self.relations.get(name, Relation())
            functional = known.functional or relation.functional
            both = (known.forward or relation.forward, known.backward or relation.backward)
            self.relations[name] = replace(known, forward=both[0], backward=both[1], functional=functional)
        self._changed()

    def retract(self, source: str) -> list[Triple]:
        """Take back all that a source says; facts that no other source says go.

        Returns:
            The triples that are gone.
        """
        gone = []
        for fact in [fact for fact in self.facts() if source in fact.sources]:
            graph, (head, relation, tail) = self._side(fact.negated), fact.triple
            del graph[head][tail][relation]["sources"][source]
            if not graph[head][tail][relation]["sources"]:
                graph.remove_edge(head, tail, relation)
                gone.append(fact.triple)
        self._changed()
        return gone

    def contradictions(self) -> list[Contradiction]:
        """What does not go together: tails of a functional relation, and triples both asserted and denied."""
        tails: dict[tuple[str, str], list[Fact]] = defaultdict(list)
        for fact in self.facts():
            head, relation, _ = fact.triple
            if not fact.negated and self.relations.get(relation, Relation()).functional:
                tails[head, relation].append(fact)
        several = [Contradiction("functional", tuple(facts)) for facts in tails.values() if len(facts) > 1]
        denied = [fact for fact in self.facts() if fact.negated and fact.triple in self]
        return [*several, *(Contradiction("negation", (self.fact(fact.triple), fact)) for fact in denied)]

    def find(self, name: str) -> str:
        """The entity that a name, an alias or a label means; case and punctuation do not matter.

        Raises:
            ConfigurationError: If there is none, with the nearest names, or if there are several.
        """
        name = name.strip()
        entity = self.aliases.get(name, name)
        if entity in self.asserted:
            return entity
        found = self.names.meanings(name)
        if len(found) == 1:
            return found[0]
        if found:
            raise ConfigurationError(f"{name!r} means several entities: {', '.join(map(repr, found[:5]))}")
        near = self.names.nearest(name)
        hint = f"the nearest names: {', '.join(map(repr, near))}" if near else f"it has {len(self.asserted)} others"
        raise ConfigurationError(f"the graph has no entity {name!r}; {hint}")

    @property
    def names(self) -> Names:
        """The entities by their names, labels and aliases."""
        if self._names is None:
            own = [(name, entity) for entity in self.asserted for name in (entity, self.label(entity))]
            self._names = Names([*own, *self.aliases.items()])
        return self._names

    def _side(self, negated: bool) -> "nx.MultiDiGraph[str]":
        return self.denied if negated else self.asserted

    def _changed(self) -> None:
        self.version += 1
        self._names = None

    def _move(self, old: str, new: str) -> None:
        """Make one entity of two."""
        for graph in (self.asserted, self.denied):
            if old not in graph:
                continue
            edges: list[Any] = [*graph.out_edges(old, keys=True, data=True), *graph.in_edges(old, keys=True, data=True)]
            for head, tail, relation, data in edges:
                ends = (new if head == old else head, new if tail == old else tail)
                _support(graph, Triple(ends[0], relation, ends[1]), data["sources"])
            if graph is self.asserted:
                gone = graph.nodes[old]
                self.add_entity(new, types=gone["types"])
                if gone["label"]:
                    self.aliases.setdefault(gone["label"], new)
            graph.remove_node(old)


def _support(graph: "nx.MultiDiGraph[str]", triple: Triple, sources: Mapping[str, float]) -> None:
    """Add a triple, or sources of one that is there."""
    head, relation, tail = triple
    if not graph.has_edge(head, tail, relation):
        graph.add_edge(head, tail, relation, sources={})
    known = graph[head][tail][relation]["sources"]
    known.update({source: max(known.get(source, 0), sure) for source, sure in sources.items()})


def _name(text: str) -> str:
    text = text.encode("utf-8", "replace").decode().strip()
    if not text or len(text) > LONGEST_NAME:
        raise ConfigurationError(f"a name has 1 to {LONGEST_NAME} characters, not {len(text)}")
    return text
