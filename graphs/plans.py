"""Plans with variables: read from what a planner wrote, checked, ordered, and filled in. Pure functions, no model.

A step is written "#E2 = tool[input]"; its input may name the results of earlier steps, as in "tool[#E1 + 3]".
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import networkx as nx

_ASSIGNMENT = re.compile(r"#E(\d{1,4})[ \t]*=[ \t]*")
_CALL = re.compile(r"([A-Za-z_][\w ]*?)[ \t]*\[")
VARIABLE = re.compile(r"#E(\d{1,4})(?!\d)")
_BARE = re.compile(r"([:,\[]\s*)(#E\d{1,4})(?=\s*[,}\]])")


@dataclass(frozen=True, kw_only=True)
class PlanStep:
    """One step of a plan."""

    id: str
    """Its variable, without the mark: "E2"."""
    reason: str
    """What the planner said before it."""
    tool: str
    """Who carries it out; empty if the input itself is the result."""
    input: str

    @property
    def needs(self) -> tuple[str, ...]:
        """The variables that its input names."""
        return tuple(dict.fromkeys(f"E{int(number)}" for number in VARIABLE.findall(self.input)))


def read_plan(text: str) -> list[PlanStep]:
    """The steps of a plan, in the order in which they stand; what is said twice in the same words counts once.

    Brackets inside an input are matched, so it may hold brackets and line breaks; without a last bracket it ends with
    its line. A right-hand side that calls nothing is taken literally.
    """
    steps: list[PlanStep] = []
    end = 0
    for found in _ASSIGNMENT.finditer(text):
        if found.start() < end:
            continue  # inside the input of the step before
        reason, after = text[end : found.start()], found.end()
        call = _CALL.match(text, after)
        if call:
            inside, end = _bracketed(text, call.end())
        else:
            end = _line_end(text, after)
            inside = text[after:end]
        step = PlanStep(
            id=f"E{int(found[1])}", reason=_sentence(reason), tool=call[1].strip() if call else "", input=inside.strip()
        )
        if not any((one.id, one.tool, one.input) == (step.id, step.tool, step.input) for one in steps):
            steps.append(step)
    return steps


def _bracketed(text: str, start: int) -> tuple[str, int]:
    """What stands before the bracket that closes the one before `start`, and where that ends."""
    depth = 1
    for place in range(start, len(text)):
        depth += {"[": 1, "]": -1}.get(text[place], 0)
        if not depth:
            return text[start:place], place + 1
    end = _line_end(text, start)
    return text[start:end], end


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


def _sentence(text: str) -> str:
    last = text.strip().rpartition("\n\n")[2]
    return re.sub(
        r"^(?:[\s*_-]|\d+[.):])*(?:plan|steps?|assignments?)?\s*\d*\s*[:.)]?\s*", "", last, flags=re.IGNORECASE
    ).strip()


def faults(steps: Sequence[PlanStep]) -> list[str]:
    """What is wrong with a plan, in words for the planner; nothing if it can be carried out."""
    ids = [step.id for step in steps]
    wrong = [f"#{id} is assigned more than once" for id in dict.fromkeys(ids) if ids.count(id) > 1]
    wrong += [f"#{step.id} uses #{one}, which no step gives" for step in steps for one in step.needs if one not in ids]
    graph = graph_of(steps)
    if not nx.is_directed_acyclic_graph(graph):
        circle = [source for source, _ in nx.find_cycle(graph)]
        wrong.append(f"{', '.join(f'#{one}' for one in circle)} use one another in a circle")
    return wrong + [
        f"#{step.id} uses #{one}, which comes later"
        for place, step in enumerate(steps)
        for one in step.needs
        if one in ids[place + 1 :] and one not in ids[: place + 1]
    ]


def graph_of(steps: Iterable[PlanStep]) -> "nx.DiGraph[str]":
    """Who needs whom: an edge from each step to those that use its result."""
    steps = list(steps)
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(step.id for step in steps)
    graph.add_edges_from((one, step.id) for step in steps for one in step.needs if one in graph)
    return graph


def waves(steps: Iterable[PlanStep]) -> Iterator[list[str]]:
    """The steps in waves: each wave needs only those before it, and all of it can be carried out at once."""
    return (sorted(wave, key=lambda id: int(id[1:])) for wave in nx.topological_generations(graph_of(steps)))


def template(text: str) -> str:
    """An input as it is read before it is filled: if it is a JSON object but for bare variables, with those quoted."""
    for one in (text, _BARE.sub(r'\1"\2"', text)):
        with suppress(ValueError, RecursionError):
            if isinstance(json.loads(one), dict):
                return one
    return text


def filled(text: str, evidence: Mapping[str, str]) -> str:
    """An input with the results in place of their variables, in one pass: what a result says is not filled again."""
    return VARIABLE.sub(lambda found: evidence.get(f"E{int(found[1])}", found[0]), text)
