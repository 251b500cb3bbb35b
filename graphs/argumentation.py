"""Argumentation: which arguments stand, given only who attacks whom.

An argumentation framework is a directed graph whose nodes are arguments; an edge a -> b says that a attacks b. The
grounded semantics is the most cautious answer: it accepts what must be accepted and leaves open what could go either
way. Source: Dung, "On the acceptability of arguments and its fundamental role in nonmonotonic reasoning, logic
programming and n-person games", Artificial Intelligence 77 (1995), definitions 16 and 20.
"""

from collections.abc import Hashable
from typing import Literal, TypeVar

import networkx as nx

Label = Literal["in", "out", "undecided"]
"""What becomes of an argument: accepted, attacked by an accepted one, or neither."""

Argument = TypeVar("Argument", bound=Hashable)


def grounded_labelling(graph: "nx.DiGraph[Argument]") -> dict[Argument, Label]:
    """Label every argument, in the order of the graph's nodes, in time linear in nodes and attacks.

    An argument is "in" if all its attackers are "out", so in particular if it has none; it is "out" if one of its
    attackers is "in". What neither forces stays "undecided": cycles of attacks that nothing breaks from outside, and
    arguments that attack themselves without being defeated by another. The result is the complete labelling with the
    fewest arguments "in" (Caminada, "On the issue of reinstatement in argumentation", JELIA 2006); the algorithm
    follows Modgil and Caminada, "Proof theories and algorithms for abstract argumentation frameworks", 2009.
    """
    labels: dict[Argument, Label] = dict.fromkeys(graph, "undecided")
    standing = {argument: len(graph.pred[argument]) for argument in graph}
    """How many attackers are not "out" yet."""
    accepted = [argument for argument, attackers in standing.items() if not attackers]
    while accepted:
        argument = accepted.pop()
        labels[argument] = "in"
        for defeated in graph.succ[argument]:
            if labels[defeated] == "out":
                continue  # its own attacks were already taken away
            labels[defeated] = "out"
            for defended in graph.succ[defeated]:
                standing[defended] -= 1
                if not standing[defended]:
                    accepted.append(defended)
    return labels


def grounded_extension(graph: "nx.DiGraph[Argument]") -> set[Argument]:
    """The accepted arguments: the least fixed point of the framework's characteristic function.

    The characteristic function maps a set of arguments to all those that the set defends. The grounded extension is
    unique, free of conflict and may be empty; arguments that nobody attacks always belong to it.
    """
    return {argument for argument, label in grounded_labelling(graph).items() if label == "in"}
