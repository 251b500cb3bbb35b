"""The places of a graph's nodes in a layered drawing: who stands in which layer, in which order, and where.

Each node stands below all that lead to it. An edge that goes on over several layers bends around what lies between;
one that goes back is a loop, left to be drawn at the side:

    arrange: _rank -> _order -> _place
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from itertools import pairwise

from disputatio.writing import text_width

HEIGHT, LABEL_HEIGHT, GAP, SPACE, LOOP, TOP = 36.0, 20.0, 23.0, 26.0, 24.0, 24.0
"""In pixels: heights of a node and of a label, room between layers, between neighbours, for a loop, and on top."""
LABEL_SIZE, NAME_SIZE = 12, 14


@dataclass
class Spot:
    """What takes room in a layer: a node, an edge's label, or a bend of a long edge."""

    layer: int
    left: float
    """From `x`, its middle, to its left end."""
    right: float
    """From `x` to its right end, with the room for an edge from the node to itself."""
    label: str = ""
    x: float = 0.0
    y: float = 0.0


@dataclass(frozen=True)
class Edge:
    """From one node to another; dashed if the state decides whether it is taken."""

    source: str
    target: str
    label: str = ""
    dashed: bool = False


@dataclass
class Layout:
    """Where everything stands. Even layers hold nodes and bends, odd ones hold the labels of edges."""

    nodes: dict[str, Spot] = field(default_factory=dict)
    layers: list[list[Spot]] = field(default_factory=list)
    """From the top, each from left to right."""
    chains: list[tuple[Edge, list[Spot]]] = field(default_factory=list)
    """Edges that go on, with the spots they pass, from source to target."""
    loops: list[Edge] = field(default_factory=list)
    """Edges that go back."""

    def add(self, spot: Spot) -> Spot:
        """Put a spot at the end of its layer."""
        self.layers[spot.layer].append(spot)
        return spot


def arrange(names: Mapping[str, str], edges: Sequence[Edge]) -> Layout:
    """Find a place for each node and each edge.

    Args:
        names: What is written on each node, by its id; the order decides which edge of a cycle is its loop.
        edges: Between these nodes.
    """
    loops = list(_backward(list(names), edges))
    onward = [edge for edge in edges if edge not in loops]
    rank = _rank(names, onward)
    layout = Layout(layers=[[] for _ in range(max(rank.values(), default=0) + 1)], loops=loops)
    for name, label in names.items():
        half = max(text_width(label, NAME_SIZE) + 32, 72) / 2
        rooms = [LOOP + 8 + text_width(edge.label, LABEL_SIZE) for edge in loops if edge.source == edge.target == name]
        layout.nodes[name] = layout.add(Spot(rank[name], half, half + max(rooms, default=0), label))
    labelled = {rank[edge.source] + 1 for edge in onward if edge.label}
    for edge in onward:
        source, target = layout.nodes[edge.source], layout.nodes[edge.target]
        passed = [layer for layer in range(source.layer + 1, target.layer) if layer % 2 == 0 or layer in labelled]
        between = [layout.add(spot) for spot in _bends(edge, passed)]
        layout.chains.append((edge, [source, *between, target]))
    _order(layout)
    _place(layout)
    return layout


def _backward(names: Sequence[str], edges: Sequence[Edge]) -> Iterator[Edge]:
    """The edges that close a cycle: they lead to a node that comes earlier in `names`, and from there here again."""
    leaving: dict[str, set[str]] = {name: set() for name in names}
    for edge in edges:
        leaving[edge.source].add(edge.target)
    position = {name: n for n, name in enumerate(names)}
    for edge in edges:
        reached, found = {edge.target}, [edge.target]
        while found:
            new = leaving[found.pop()] - reached
            reached |= new
            found.extend(new)
        if position[edge.target] <= position[edge.source] and edge.source in reached:
            yield edge


def _rank(names: Mapping[str, str], onward: Sequence[Edge]) -> dict[str, int]:
    """Give each node the even layer below its lowest predecessor, and the last layer to the end."""
    before: dict[str, set[str]] = {name: set() for name in names}
    for edge in onward:
        before[edge.target].add(edge.source)
    rank: dict[str, int] = {}
    for name in TopologicalSorter(before).static_order():
        rank[name] = 2 + max((rank[source] for source in before[name]), default=-2)
    if "__end__" in rank:
        rank["__end__"] = max(rank.values())
    return rank


def _bends(edge: Edge, passed: Sequence[int]) -> Iterator[Spot]:
    """One spot for each layer that an edge passes; the first holds its label."""
    for n, layer in enumerate(passed):
        label = "" if n else edge.label
        half = text_width(label, LABEL_SIZE) / 2 + 6
        yield Spot(layer, half, half, label)


def _neighbours(layout: Layout) -> dict[int, list[Spot]]:
    """The spots that each one is joined to, by the spot's `id()`."""
    near: dict[int, list[Spot]] = {id(spot): [] for layer in layout.layers for spot in layer}
    for _, spots in layout.chains:
        for above, below in pairwise(spots):
            near[id(above)].append(below)
            near[id(below)].append(above)
    return near


def _order(layout: Layout) -> None:
    """Sort each layer by where its neighbours stand, down and up again, so that few edges cross."""
    near = _neighbours(layout)
    at = {id(spot): (n + 0.5) / len(layer) for layer in layout.layers for n, spot in enumerate(layer)}
    for sweep in range(8):
        downwards = sweep % 2 == 0
        for layer in layout.layers if downwards else reversed(layout.layers):
            wish = {}
            for spot in layer:
                seen = [at[id(other)] for other in near[id(spot)] if (other.layer < spot.layer) == downwards]
                wish[id(spot)] = sum(seen) / len(seen) if seen else at[id(spot)]
            places = sorted(range(len(layer)), key=[wish[id(spot)] for spot in layer].__getitem__)
            layer[:] = [layer[place] for place in places]
            at |= {id(spot): (n + 0.5) / len(layer) for n, spot in enumerate(layer)}


def _place(layout: Layout) -> None:
    """Pull each spot towards the middle of its neighbours, as far as its layer has room."""
    near = _neighbours(layout)
    for _, spots in layout.chains:
        # A bend looks at its whole edge, which makes long edges straight.
        near |= {id(spot): spots for spot in spots[1:-1]}
    for sweep in range(24):
        for layer in layout.layers if sweep % 2 == 0 else reversed(layout.layers):
            wish = [sum(other.x for other in near[id(spot)]) / max(len(near[id(spot)]), 1) for spot in layer]
            for spot, x in zip(layer, _spread(layer, wish), strict=True):
                spot.x = x
    y = TOP
    for number, layer in enumerate(layout.layers):
        height = HEIGHT if number % 2 == 0 else LABEL_HEIGHT * bool(layer)
        for spot in layer:
            spot.y = y + height / 2
        y += height + GAP


def _spread(layer: Sequence[Spot], wish: Sequence[float]) -> list[float]:
    """Places near the wished ones, in order and without overlap: half way between pushing right and pushing left."""
    gaps = [before.right + after.left + SPACE for before, after in pairwise(layer)]
    rightmost, leftmost = list(wish), list(wish)
    for n, gap in enumerate(gaps, 1):
        rightmost[n] = max(wish[n], rightmost[n - 1] + gap)
    for n in reversed(range(len(gaps))):
        leftmost[n] = min(wish[n], leftmost[n + 1] - gaps[n])
    return [(right + left) / 2 for right, left in zip(rightmost, leftmost, strict=True)]
