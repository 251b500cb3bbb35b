"""What a run looks like: JSON, Markdown, Mermaid, the terminal and the page."""

import io
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from disputatio import markdown
from disputatio.budget import Usage
from disputatio.errors import StoreError
from disputatio.question import Question
from disputatio.result import Result, Spent
from disputatio.thought import Answer, Link, Thought
from disputatio.writing import plain

HOSTILE = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "]]> <!-- --> &amp; ${x} $question {0} %s",
    '" onmouseover="alert(1)',
    "`\"'][()|{}#;:~~ end subgraph click t0 href",
    "[red]not markup[/red] [link=http://x]y[/link]",
    "\x1b[31mred\x1b[0m \x1b]8;;http://evil\x07click\x1b]8;;\x07 \x9b2J \x00\x07\x08",
    "\u202eright to left override\u2066 \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "![x](http://evil/track.png) <http://evil> [a](javascript:alert(1))",
    "```\n# heading\n| a | b |\n- item\r\n1. one\u2028two\x85three",
    "漢字" * 200,
    "\ud800 half a pair",
    "W" * 10_000,
)

ARTICLE = "# Article\n\nIt *seems* not.\n\n## Replies\n\n1. It does."


def thought(number: int, **fields: object) -> Thought:
    given = {"author": f"debater {number % 3}", "role": "debater", "kind": "claim", "text": f"Claim {number}."}
    return Thought(**{"id": f"t{number}", **given, **fields})


def run(*thoughts: Thought, links: tuple[Link, ...] = (), **fields: object) -> Result:
    spent = [Spent(author=t.author, role=t.role, round=t.round, model=t.model, usage=t.usage) for t in thoughts]
    given = {
        "run_id": "run",
        "question": Question(text="Is it so?"),
        "strategy": "debate()",
        "answer": Answer(text="Yes", value="yes", confidence=0.75),
        "usage": sum((t.usage for t in thoughts), Usage()),
        "spent": spent,
    }
    return Result(**{**given, "thoughts": thoughts, "links": links, **fields})


def joined(*sentences: str) -> tuple[Link, ...]:
    return tuple(Link(source=s, kind=kind, target=t) for s, kind, t in (sentence.split() for sentence in sentences))


def debate() -> Result:
    """Two debaters, two rounds, a verdict that refutes a claim, and a judge."""
    usage = Usage(calls=1, prompt_tokens=1000, completion_tokens=200)
    return run(
        thought(0, author="planner", role="planner", kind="plan", usage=usage),
        thought(1, author="optimist", round=1, answer="yes", confidence=0.8, usage=usage, text="It *pays*."),
        thought(2, author="sceptic", round=1, answer="no", usage=usage, text="It fails.\n\nAlways ~~so~~."),
        thought(3, author="verifier", role="verifier", kind="verdict", round=1, score=0.1, text="Not always."),
        thought(4, author="optimist", kind="rebuttal", round=2, cut=True),
        thought(5, author="judge", role="judge", kind="answer", answer="yes", data={"tally": {"yes": 2}}),
        links=joined("t3 attacks t2", "t4 refines t1", "t5 aggregates t1", "t5 aggregates nobody", "t5 supports t5"),
        answer=Answer(text="Yes, mostly", value="yes", confidence=0.75, rationale=ARTICLE, dissent=("no (sceptic)",)),
    )


def hostile() -> Result:
    """Every hostile text in every place that a model or a user fills."""
    said = []
    for n, text in enumerate(HOSTILE):
        name = text[:500]
        said.append(thought(n, author=name, role=name, text=text, answer=text, model=name, data={"k": text}, round=1))
    links = joined(*(f"t{n + 1} attacks t{n}" for n in range(len(said) - 1)))
    everything = "\n".join(HOSTILE)
    return run(
        *said,
        thought(99, id='a" b<c>&%zz', kind="verdict", text="odd id"),
        links=(*links, Link(source='a" b<c>&%zz', target="t1", kind="attacks")),
        question=Question(text=everything, choices=HOSTILE[:5]),
        strategy=everything,
        answer=Answer(text=everything, value="A", rationale=everything, dissent=HOSTILE),
        stop_reason="budget",
    )


def large() -> Result:
    links = joined(*(f"t{n} supports t{n - 7}" for n in range(7, 200)))
    return run(*(thought(n, round=1 + n // 50, text="x " * 5000) for n in range(200)), links=links)


RUNS = {"debate": debate, "hostile": hostile, "large": large, "empty": run}
every_run = pytest.mark.parametrize("make", RUNS.values(), ids=RUNS)


class Page(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, tag: str, class_: str = "") -> list[dict[str, str | None]]:
        return [a for t, a in self.tags if t == tag and class_ in [*(a.get("class") or "").split(), ""]]


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | names, lambda inner: st.lists(inner, max_size=3), max_leaves=6
)
thoughts = st.builds(
    Thought,
    **dict.fromkeys(("id", "author", "role", "text", "model", "scope"), names),
    **dict.fromkeys(("score", "confidence"), st.none() | st.floats(0, 1)),
    kind=st.sampled_from(["plan", "claim", "rebuttal", "verdict", "answer"]),
    answer=st.none() | names,
    round=st.integers(0, 9),
    data=st.dictionaries(names, json_values, max_size=3),
    usage=st.builds(Usage, calls=st.integers(0, 9), prompt_tokens=st.integers(0, 10**6), estimated=st.booleans()),
    cut=st.booleans(),
)
all_links = st.builds(Link, source=names, target=names, kind=st.sampled_from(["supports", "attacks", "uses"]))


@given(st.lists(thoughts, max_size=8), st.lists(all_links, max_size=8))
def test_json_gives_the_same_run_back(said: list[Thought], links: list[Link]) -> None:
    result = run(*said, links=tuple(links))
    assert Result.model_validate_json(result.model_dump_json()) == result


@given(st.lists(thoughts, max_size=8), st.lists(all_links, max_size=8))
def test_any_run_can_be_shown(said: list[Thought], links: list[Link]) -> None:
    result = run(*said, links=tuple(links))
    known = {t.id for t in said}
    assert result.to_markdown().startswith("# Is it so?")
    assert result.to_mermaid().count('["') == len(known) + 1
    assert len(Page(result.to_html()).all("article")) == len(known)


def test_graph_holds_thoughts_and_links() -> None:
    graph = debate().graph
    assert (graph.nodes["t1"]["author"], graph.edges["t3", "t2"]["kind"]) == ("optimist", "attacks")


def test_plain_text_holds_nothing_a_terminal_obeys() -> None:
    assert plain("\x1b[1;31ma\x1b[0m\x1b]0;title\x07b\x9b2Jc\x1b(Bd\r\ne\x00\x08\u202ef\ud800") == "abcd\nef\ufffd"
    for text in HOSTILE:
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", plain(text))
    assert plain("a\tb\n\u05e9\u05dc\u05d5\u05dd é 漢") == "a\tb\n\u05e9\u05dc\u05d5\u05dd é 漢"


def test_markdown_tells_the_whole_run() -> None:
    text = debate().to_markdown()
    order = [
        "# Is it so?",
        "**Yes, mostly** (75 % sure)",
        "### Article",
        "#### Replies",
        "no \\(sceptic\\)",
        "## Transcript",
    ]
    order += [
        "### Opening",
        "### Round 1",
        "> ~~It fails.~~\n>\n> ~~Always \\~\\~so\\~\\~.~~",
        "### Round 2",
        "cut off",
    ]
    order += ["### Closing", "## Cost", "| debater | 2 | 2,000 | 400 | 0 |", "| all | 3 | 3,000 | 600 | 0 |"]
    places = [text.find(part) for part in order]
    assert -1 not in places
    assert places == sorted(places)
    assert "> It *pays*." in text
    assert "not finished" not in text
    assert "the budget was used up" in debate().model_copy(update={"stop_reason": "budget"}).to_markdown()


def test_markdown_of_hostile_texts_holds_no_html_and_loads_no_image() -> None:
    text = hostile().to_markdown()
    assert not re.search(r"(?<!\\)<[a-zA-Z/!?]", text)
    assert not re.search(r"(?<!\\)!\[", text)
    titles = re.findall(r"^#{1,2} .*", text, re.MULTILINE)
    assert [title.split()[-1] for title in titles[1:]] == ["Answer", "Transcript", "Cost"]


def test_mermaid_labels_hold_nothing_but_words_and_numbers() -> None:
    lines = hostile().to_mermaid().splitlines()
    assert lines[0] == "flowchart BT"
    statement = re.compile(
        r"""  (?:\w+ \[?\(?.*|t\d+\["(?P<label>[^"]*)"\](?::::refuted)?|question\(\["(?P<root>[^"]*)"\]\)"""
        r"""|t\d+ -->\|attacks\| t\d+|t\d+ -\.-> question|classDef .*)"""
    )
    for line in lines[1:]:
        match = statement.fullmatch(line)
        assert match, line
        label = (match["label"] or match["root"] or "").replace("<br/>", " ")
        assert re.fullmatch(r"(?:[\w ,.?'…]|#\d+;)*", label), label
    assert sum(line.endswith(":::refuted") for line in lines) == 1


def screen(result: Result, monkeypatch: pytest.MonkeyPatch, **terminal: str) -> str:
    out = io.StringIO()
    monkeypatch.setattr("sys.stdout", out)
    for name in ("FORCE_COLOR", "NO_COLOR", "TERM", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"COLUMNS": "100", **terminal}.items():
        monkeypatch.setenv(name, value)
    result.show()
    return out.getvalue()


def test_show_is_plain_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = screen(debate(), monkeypatch)
    assert "\x1b" not in shown
    assert "Yes, mostly  75 % sure" in shown
    assert re.search(r"Round 1 +optimist +claim +yes +It \*pays\*\.", shown)
    assert re.search(r"sceptic +refuted", shown)
    assert "6 thoughts, 1 refuted, 2 rounds, 3 calls, 3,600 tokens, 0.0 s, ran to its end" in shown


def test_show_strikes_out_in_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = screen(debate(), monkeypatch, FORCE_COLOR="1", TERM="xterm-256color")
    assert re.search(r"\x1b\[(?:\d+;)*9(?:;\d+)*mIt fails", shown)


def test_show_obeys_nothing_that_models_write(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = screen(hostile(), monkeypatch)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", shown)
    assert "[red]not markup[/red]" in shown
    assert "more; as" not in shown
    assert "184 more; as" in screen(large(), monkeypatch)


def test_show_survives_a_terminal_that_knows_few_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="ascii", write_through=True))
    hostile().show()
    assert b"alert" in raw.getvalue()


def test_text_says_the_answer_and_how_it_came_about() -> None:
    lines = markdown.text(debate()).splitlines()
    assert lines[0] == "Answer: Yes, mostly (75 % sure)"
    assert "Dissent: no (sceptic)" in lines
    assert lines[-1].startswith("6 thoughts, 1 refuted")
    assert markdown.text(run(answer=Answer())).startswith("Answer: none\n")


@every_run
def test_every_form_can_be_written_as_utf_8(make: Callable[[], Result], tmp_path: Path) -> None:
    result = make()
    Console(file=io.StringIO()).print(markdown.text(result), markup=False)
    for text in (result.to_markdown(), result.to_mermaid(), result.to_html(), markdown.text(result)):
        (tmp_path / "out").write_text(text, encoding="utf-8")
        assert len(text) > 50


@every_run
def test_page_has_only_its_own_elements_and_loads_nothing(make: Callable[[], Result]) -> None:
    html = make().to_html()
    page = Page(html)
    assert [a.get("type") for a in page.all("script")] == ["application/json", None]
    assert not [a for t, a in page.tags if t in ("img", "iframe", "object", "link", "base", "form", "embed")]
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "style", "xlink:href")]
        assert (attributes.get("href") or "#").startswith("#")
    assert len(page.all("article", "thought")) == len(page.all("a", "node"))
    policy = page.all("meta")[1]["content"] or ""
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_page_shows_thoughts_links_and_cost() -> None:
    page = Page(debate().to_html())
    assert len(page.all("a", "node")) == len(page.all("article")) == 6
    assert [a["id"] for a in page.all("article", "refuted")] == ["thought-t2"]
    assert len(page.all("a", "refuted")) == 1
    drawn = [a["class"] for a in page.all("path", "link") if "data-source" in a]
    assert drawn == ["link attacks", "link refines", "link aggregates"]
    kinds = {a["data-kind"] for a in page.all("button") if "data-kind" in a}
    assert kinds == {"supports", "attacks", "refines", "aggregates"}
    text = " ".join(page.texts)
    for part in ("75 % sure", "attacked by", "cut off", "no (sceptic)", "3,000", "ran to its end"):
        assert part in text


def test_page_gives_back_hostile_texts_as_text() -> None:
    result = hostile()
    page = Page(result.to_html())
    said = "".join(page.texts)
    for text in HOSTILE:
        assert plain(text) in said
    assert f"thought-{result.thoughts[-1].id}" in {a["id"] for a in page.all("article")}


def test_page_carries_the_run() -> None:
    html = hostile().to_html()
    embedded = re.search(r'<script type="application/json" id="run">(.*?)</script>', html, re.DOTALL)
    assert embedded
    assert Result.model_validate(json.loads(embedded[1])) == hostile()


def test_rationale_is_a_small_safe_part_of_markdown() -> None:
    rationale = "## Head\n\n- *a* **b** <b>c</b> [d](http://x) ![e](http://y)\n\n<script>f</script>"
    page = Page(run(answer=Answer(rationale=rationale)).to_html())
    tags = [tag for tag, _ in page.tags]
    assert {"em", "strong"} <= set(tags)
    assert "img" not in tags
    assert "b" not in tags
    assert "[d](http://x) ![e](http://y)" in "".join(page.texts)


def test_cards_do_not_overlap() -> None:
    for result in (debate(), hostile(), large()):
        cards = [a for a in Page(result.to_html()).all("rect") if a.get("rx") == "8"]
        places = {(float(a["x"] or 0), float(a["y"] or 0)) for a in cards}
        assert len(places) == len(cards) == len(result.thoughts)
        for x in {x for x, _ in places}:
            column = sorted(y for at, y in places if at == x)
            assert all(below - above > 122 for above, below in pairwise(column))


def test_page_is_written_where_it_can_be(tmp_path: Path) -> None:
    html = debate().to_html(tmp_path / "run.html")
    assert (tmp_path / "run.html").read_bytes().decode() == html
    with pytest.raises(StoreError, match=r"cannot write the page to '.*': No such file or directory"):
        debate().to_html(tmp_path / "missing" / "run.html")


def test_notebooks_get_the_page_in_a_frame() -> None:
    frame = Page(hostile()._repr_html_())
    assert [tag for tag, _ in frame.tags] == ["iframe"]
    assert frame.tags[0][1]["sandbox"] == "allow-scripts"
    assert frame.tags[0][1]["srcdoc"] == hostile().to_html()


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OFFLINE = "--disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"


def browse(address: str, profile: Path) -> tuple[str, str]:
    """The page as Chromium has it after its script ran, and what Chromium has to say about it."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", *OFFLINE.split(), "--enable-logging=stderr"]
    command = [
        str(CHROMIUM),
        *options,
        f"--user-data-dir={profile}",
        "--virtual-time-budget=2000",
        "--dump-dom",
        address,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


@pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed")
@pytest.mark.parametrize("make", [debate, hostile], ids=["debate", "hostile"])
def test_browser_opens_the_chosen_thought(make: Callable[[], Result], tmp_path: Path) -> None:
    result = make()
    result.to_html(tmp_path / "run.html")
    address = (tmp_path / "run.html").as_uri()
    closed, complaints = browse(address, tmp_path / "profile")
    assert complaints == ""
    assert "hidden" in Page(closed).all("aside")[0]
    opened, complaints = browse(f"{address}#thought-t2", tmp_path / "profile")
    assert complaints == ""
    page = Page(opened)
    assert "hidden" not in page.all("aside")[0]
    assert len(page.all("a", "node")) == len(result.thoughts)
    own = [a["data-number"] for a in page.all("article") if a["id"] == "thought-t2"]
    assert [a["data-number"] for a in page.all("a", "chosen")] == own
    panel = Page(opened[opened.index("<aside") : opened.index("</aside>")])
    assert plain(result.thoughts[2].text).split("\n")[0][:20] in "".join(panel.texts)
