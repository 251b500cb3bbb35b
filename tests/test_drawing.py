"""Strategies' graphs and graphs of thoughts as pictures."""

import re
import struct
import sys
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.graph import END, START, StateGraph

from disputatio.context import Context
from disputatio.drawing import svg
from disputatio.errors import ConfigurationError, MissingExtraError
from disputatio.lanes import bands, board
from disputatio.layers import SPACE, Edge, arrange
from disputatio.question import Question
from disputatio.result import Result
from disputatio.state import Input, Output, State
from disputatio.strategies import Strategy, strategy
from disputatio.thought import Answer, Thought

SVG = "{http://www.w3.org/2000/svg}"


def wire(
    nodes: Sequence[str], edges: Sequence[tuple[str, str]], choices: dict[str, dict[str, str]] | None = None
) -> Strategy[[]]:
    def drawn() -> "StateGraph[State, Context, Input, Output]":
        graph = StateGraph(State, context_schema=Context, input_schema=Input, output_schema=Output)
        for node in nodes:
            graph.add_node(node, lambda state: {})
        for source, target in edges:
            graph.add_edge(source, target)
        for source, targets in (choices or {}).items():
            graph.add_conditional_edges(source, lambda state: "", targets)
        return graph

    return strategy(source="Disputatio", calls=lambda: 1)(drawn)


def debate() -> Strategy[[]]:
    debaters = ["debater_1", "debater_2", "debater_3"]
    edges = [(START, "planner"), ("judge", END)]
    edges += [("planner", debater) for debater in debaters] + [(debater, "gather") for debater in debaters]
    choices = {"gather": {"again": "planner", "agreed": "judge"}, "judge": {"unsure": "judge", "done": END}}
    return wire(["planner", *debaters, "gather", "judge"], edges, choices)


def tangle() -> Strategy[[]]:
    nodes = ["plan", "left", "middle", "right", "check", "a node with a rather long name", "judge"]
    edges = [(START, "plan"), *(("plan", side) for side in nodes[1:4]), ("check", nodes[5]), (nodes[5], "judge")]
    edges += [("plan", "judge"), ("left", "check")]
    choices = {
        "middle": {"go on": "check", "again": "middle", "give up": END},
        "right": {"a": "check", "b": "plan"},
        "judge": {"done": END, "from the top": "plan", "check again": "check"},
    }
    return wire(nodes, edges, choices)


def single() -> Strategy[[]]:
    return wire(["solver"], [(START, "solver"), ("solver", END)])


every_strategy = pytest.mark.parametrize("made", [debate(), tangle(), single()], ids=["debate", "tangle", "single"])


def boxes(picture: str) -> dict[str, tuple[float, float, float, float]]:
    """Left, top, right and bottom of each node's box, by what is written in it."""
    root = ET.fromstring(picture)
    children = list(root)
    found = {}
    for box, text in pairwise(children):
        if box.tag == f"{SVG}rect" and text.tag == f"{SVG}text":
            x, y, width, height = (float(box.get(name, "")) for name in ("x", "y", "width", "height"))
            found[text.text or ""] = (x, y, x + width, y + height)
    return found


def labels(picture: str) -> dict[str, tuple[float, float, float, float]]:
    found = {}
    for text in ET.fromstring(picture).findall(f"{SVG}text"):
        if text.get("font-size") == "12":
            x, y, width = float(text.get("x", "")), float(text.get("y", "")), 6.0 * len(text.text or "")
            left = x - {"start": 0.0, "middle": 0.5, "end": 1.0}[text.get("text-anchor", "")] * width
            found[text.text or ""] = (left, y - 10, left + width, y + 3)
    return found


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


@every_strategy
def test_every_node_and_edge_is_drawn(made: Strategy[[]]) -> None:
    picture = made.to_svg()
    graph = made.compile().get_graph()
    names = {{"__start__": "START", "__end__": "END"}.get(node, node) for node in graph.nodes}
    paths = [path for path in ET.fromstring(picture).findall(f"{SVG}path") if path.get("marker-end")]
    assert set(boxes(picture)) == names
    assert len(paths) == len(graph.edges)
    assert sum(path.get("stroke-dasharray") is not None for path in paths) == sum(e.conditional for e in graph.edges)


@every_strategy
def test_nothing_overlaps_and_all_is_inside(made: Strategy[[]]) -> None:
    picture = made.to_svg()
    x, y, width, height = map(float, ET.fromstring(picture).get("viewBox", "").split())
    placed = [*boxes(picture).items(), *labels(picture).items()]
    for (one, a), (other, b) in combinations(placed, 2):
        assert not overlap(a, b), (one, other)
    for name, (left, top, right, bottom) in placed:
        assert x <= left, name
        assert right <= x + width, name
        assert y <= top, name
        assert bottom <= y + height, name


def test_edges_go_down_and_loops_run_at_the_side() -> None:
    picture = debate().to_svg()
    box = boxes(picture)
    tops = [box[name][1] for name in ("START", "planner", "debater_1", "gather", "judge", "END")]
    assert tops == sorted(set(tops))
    assert box["debater_1"][1] == box["debater_2"][1] == box["debater_3"][1]
    again = labels(picture)["again"]
    assert again[0] > max(right for name, (_, _, right, _) in box.items() if name.startswith("debater"))
    assert labels(picture)["unsure"][0] > box["judge"][2]


def test_names_are_escaped_and_cut() -> None:
    picture = wire(["<b>&\"'", "x" * 300], [(START, "<b>&\"'"), ("<b>&\"'", "x" * 300), ("x" * 300, END)]).to_svg()
    assert "<b>&\"'" in boxes(picture)
    assert max(len(name) for name in boxes(picture)) == 40


def test_mermaid_is_langgraphs() -> None:
    text = debate().to_mermaid()
    assert re.search(r"gather -\..*again.*\.-> planner", text)


@given(st.integers(1, 9).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.tuples(*[st.integers(0, n - 1)] * 2)))))
def test_any_graph_finds_places_without_overlap(graph: tuple[int, list[tuple[int, int]]]) -> None:
    count, pairs = graph
    edges = [Edge(str(a), str(b), "when" * (a % 2), bool(b % 2)) for a, b in pairs]
    layout = arrange({str(n): "name" * n for n in range(count)}, edges)
    assert len(layout.chains) + len(layout.loops) == len(edges)
    for edge, spots in layout.chains:
        assert all(below.layer > above.layer for above, below in pairwise(spots)), edge
    for layer in layout.layers:
        for left, right in pairwise(layer):
            assert left.x + left.right + SPACE <= right.x - right.left + 1e-6


def test_png_shows_the_picture_with_its_text() -> None:
    resvg = pytest.importorskip("resvg_py", reason="resvg-py is not installed")
    made = debate()
    try:
        png = made.to_png()
    except ConfigurationError as error:
        pytest.skip(str(error))
    assert png.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", png[16:24])
    root = ET.fromstring(made.to_svg())
    assert abs(width - 2 * float(root.get("width", ""))) <= 2
    assert abs(height - 2 * float(root.get("height", ""))) <= 2
    without_text = re.sub(r"<text.*?</text>", "", svg(made))
    assert png != bytes(resvg.svg_to_bytes(svg_string=without_text, zoom=2))


class Fontless:
    """A renderer on a machine without fonts: text leaves no trace."""

    @staticmethod
    def svg_to_bytes(svg_string: str, zoom: int = 1) -> bytes:
        return re.sub(r"<text.*?</text>", "", svg_string).encode()


def test_png_without_fonts_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", Fontless)
    with pytest.raises(ConfigurationError, match="no font was found"):
        single().to_png()


def test_png_without_the_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr("disputatio.errors.import_module", missing)
    with pytest.raises(MissingExtraError, match=r"pip install 'disputatio\[png\]'"):
        single().to_png()


def said(rounds: Sequence[int], authors: Sequence[str]) -> list[Thought]:
    return [
        Thought(id=f"t{n}", author=author, role="debater", kind="claim", text="So it is.", round=number)
        for n, (number, author) in enumerate(zip(rounds, authors, strict=True))
    ]


def test_bands_put_rounds_in_order_and_the_rest_around_them() -> None:
    found = [(title, [t.id for t in part]) for title, part in bands(said([0, 1, 2, 0, 1, 3, 0], "abcdefg"))]
    rounds = [("Round 1", ["t1", "t4"]), ("Round 2", ["t2", "t3"]), ("Round 3", ["t5"])]
    assert found == [("Opening", ["t0"]), *rounds, ("Closing", ["t6"])]
    assert [title for title, _ in bands(said([0, 0], "ab"))] == [""]
    assert bands([]) == []


@pytest.mark.parametrize(("authors", "lanes"), [(5, 5), (12, 12), (13, 1)])
def test_lanes_are_roles_where_authors_are_too_many(authors: int, lanes: int) -> None:
    thoughts = said([1] * authors, [f"a{n}" for n in range(authors)])
    answer = Answer(text="Yes", value="yes")
    result = Result(run_id="r", question=Question(text="?"), strategy="s()", answer=answer, thoughts=tuple(thoughts))
    assert board(result).field.count('class="lane"') == lanes
