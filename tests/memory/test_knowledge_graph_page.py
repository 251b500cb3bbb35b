"""Drawings of knowledge graphs: everything is in them, nothing overlaps, and no text escapes."""

import re
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from disputatio.errors import ConfigurationError, StoreError
from disputatio.memory import KnowledgeGraph
from disputatio.memory.knowledge_graph_page import to_html, to_svg

pytest.importorskip("numpy", reason="numpy is not installed")
SVG = "{http://www.w3.org/2000/svg}"


def star(points: int = 30) -> KnowledgeGraph:
    graph = KnowledgeGraph()
    for n in range(points):
        graph.add("centre of the star", "shines_on", f"point number {n}", source=f"book:{n}")
        graph.add(f"point number {n}", "reflects", "centre of the star")
    graph.add("far away", "sees", "point number 3")
    return graph


def test_the_image_holds_all_entities_and_facts_and_no_two_boxes_overlap() -> None:
    root = ET.fromstring(to_svg(star()))
    boxes = [one.attrib for one in root.findall(f".//{SVG}g[@class='entity']/{SVG}rect")]
    assert len(boxes) == 32
    assert len(root.findall(f".//{SVG}g[@class='fact']")) == 61
    spans = [tuple(float(box[key]) for key in ("x", "y", "width", "height")) for box in boxes]
    for (x, y, width, height), (u, v, wide, high) in combinations(spans, 2):
        assert x + width <= u or u + wide <= x or y + height <= v or v + high <= y
    left, top, width, height = map(float, root.attrib["viewBox"].split())
    assert all(left <= x and x + w <= left + width and top <= y and y + h <= top + height for x, y, w, h in spans)
    assert to_svg(star()) == to_svg(star()), "the same graph is drawn the same way"


def test_a_part_is_drawn_and_says_so() -> None:
    graph = star()
    near = to_svg(graph, around=["point number 3"])
    assert set(re.findall(r'aria-label="([^"]*)"', near)) == {"point number 3", "centre of the star", "far away"}
    assert "3 of 32 entities, 3 of 61 facts" in near
    assert len(re.findall('class="entity"', to_svg(graph, around=["far away"], hops=3, most=5))) == 5
    with pytest.raises(ConfigurationError, match="no entity 'nowhere'"):
        to_svg(graph, around=["nowhere"])
    with pytest.raises(ConfigurationError, match="nothing to draw"):
        to_svg(KnowledgeGraph())


def test_the_page_has_sources_contradictions_and_no_text_that_runs() -> None:
    graph = star(3)
    evil = "</script><script>alert(1)</script>\"'<b>"
    graph.add(evil, evil, "point number 1", source=evil)
    graph.add(evil, evil, "point number 1", source="other", negated=True, confidence=0.3)
    page = to_html(graph, title=evil)
    assert page.count("<script>") == 1
    assert '<b>"' not in page
    assert "book:2 (100% sure)" in page
    assert "other (30% sure)" in page
    assert "Contradictions" in page
    assert 'stroke-dasharray="5 4"' in page
    assert "default-src 'none'" in page
    body = page[page.index("<svg") : page.index("</svg>") + 6]
    assert ET.fromstring(body).tag == f"{SVG}svg"


def test_the_page_is_written(tmp_path: Path) -> None:
    page = to_html(star(2), tmp_path / "graph.html")
    assert (tmp_path / "graph.html").read_text(encoding="utf-8") == page
    with pytest.raises(StoreError, match="cannot write the page"):
        to_html(star(2), tmp_path / "none" / "graph.html")
