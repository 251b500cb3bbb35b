"""Mined rules: what of ChatRule needs no model: samples, ranking, and the answer that rules give."""

from collections.abc import Sequence
from typing import Literal

from pydantic import JsonValue

from disputatio.errors import unknown
from disputatio.memory.knowledge_graph import KnowledgeGraph
from disputatio.memory.names import Names
from disputatio.memory.rule_reading import read_rules
from disputatio.memory.rules import Rule, Rules, Weight, sample_bodies
from disputatio.question import Question
from disputatio.thought import Answer

WEIGHTS = ("support", "coverage", "confidence", "pca")
ENDS = ("tail", "head")
Wanted = Literal["tail", "head"]
NO_RULES = "No rule is left: what was proposed could not be read, has no support in the graph, or was judged incorrect."
NAMED = 50
"""The most relations that are listed where the question names none."""


class Mine:
    """A graph with its matrices, which are made when they are first needed and again when the graph has changed."""

    def __init__(self, graph: KnowledgeGraph, weight: Weight, wanted: Wanted) -> None:
        """Take a graph.

        Args:
            graph: Where rules are mined.
            weight: Which of their scores counts.
            wanted: Which end of a fact is missing that is to be predicted.

        Raises:
            ConfigurationError: If there is no such score or end.
        """
        if weight not in WEIGHTS:
            raise unknown("weight", weight, WEIGHTS)
        if wanted not in ENDS:
            raise unknown("end of a fact", wanted, ENDS)
        self.graph, self.weight, self.wanted = graph, weight, wanted
        self._made: tuple[int, Rules] | None = None

    @property
    def rules(self) -> Rules:
        """The matrices."""
        if self._made is None or self._made[0] != self.graph.version:
            self._made = (self.graph.version, Rules(self.graph))
        return self._made[1]

    def check(self, relations: Sequence[str]) -> None:
        """See that the graph has these relations.

        Raises:
            ConfigurationError: If it lacks one.
        """
        for relation in relations:
            if relation not in self.rules.relations:
                raise unknown("relation of the graph", relation, self.rules.relations)

    def relation_in(self, text: str) -> list[str]:
        """The first relation that a text names, if there is one."""
        return Names((name, name) for name in self.rules.relations).mentioned(text)[:1]

    def sampled(self, head: str, anchors: int, max_length: int, seed: int) -> list[list[tuple[str, bool]]]:
        """Sequences of relations that join the ends of some facts of a relation."""
        bodies = sample_bodies(self.graph, head, anchors=anchors, max_length=max_length, seed=seed)
        return [[(step.relation, step.inverse) for step in body] for body in bodies]

    def ranked(
        self, text: str, head: str, others: Sequence[Rule], *, max_length: int, most: int
    ) -> tuple[list[Rule], list[str]]:
        """The rules that have support, in a text and besides, the best first; and why the others are none."""
        read, refused = read_rules(text, head, self.rules.relations, max_length=max_length)
        rules = list(dict.fromkeys([*read, *others]))
        held = [rule for rule in rules if self.rules.score(rule).support]
        best = sorted(held, key=lambda rule: (-self._weight(rule), len(rule.body), str(rule)))
        return best[:most], [*refused, *(f"{rule}: it has no support" for rule in rules if rule not in held)]

    def reported(self, rule: Rule) -> JsonValue:
        """A rule with its scores and a fact that it explains."""
        example = self.rules.example(rule)
        return {"rule": str(rule), **self.rules.score(rule)._asdict(), "example": [*example] if example else None}

    def answer(self, rules: Sequence[Rule], head: str, asked: str | None, question: Question) -> Answer:
        """The entity that rules of one relation speak for most and that is no fact yet; the best rule if none is asked.

        Args:
            rules: The best first.
            head: The relation; empty where the question names none.
            asked: The entity whose missing fact is wanted, if any.
            question: What is asked: candidates that are no answer to it are passed over.

        Raises:
            ConfigurationError: If the graph has no such entity.
        """
        if not head:
            names = self.rules.relations
            more = f" and {len(names) - NAMED} more" * (len(names) > NAMED)
            told = f"The question names no relation to mine rules for; the graph has {', '.join(names[:NAMED])}{more}."
            return Answer(stop_reason="undecided", rationale=told)
        rationale = "\n".join(f"- {rule.words(self.graph)} ({self.weight} {self._weight(rule):.3g})" for rule in rules)
        if not rules:
            return Answer(stop_reason="undecided", rationale=NO_RULES)
        if asked is None:
            return Answer(text=str(rules[0]), value=question.canonical(str(rules[0])), rationale=rationale)
        found = self.rules.predict(rules, asked, weight=self.weight, inverse=self.wanted == "head")
        fact = {one: (asked, head, one) if self.wanted == "tail" else (one, head, asked) for one in found}
        new = [one for one in found if fact[one] not in self.graph]
        report: dict[str, JsonValue] = {
            "query": [asked, head, "?"] if self.wanted == "tail" else ["?", head, asked],
            "candidates": {one: found[one] for one in new[:10]},
            "known": [one for one in found if fact[one] in self.graph],
        }
        labels = (self.graph.label(one) for one in new)
        best = next((one for one in labels if question.canonical(one) is not None), None)
        if best is None:
            return Answer(stop_reason="undecided", rationale=rationale, data=report)
        return Answer(text=best, value=question.canonical(best), rationale=rationale, data=report)

    def _weight(self, rule: Rule) -> float:
        return float(getattr(self.rules.score(rule), self.weight))
