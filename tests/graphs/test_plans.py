"""Plans with variables: reading, faults, waves, and filling in."""

import re

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disputatio.graphs.plans import PlanStep, faults, filled, graph_of, read_plan, waves


def step(id: str, input: str = "", tool: str = "t") -> PlanStep:
    return PlanStep(id=id, reason="", tool=tool, input=input)


def test_a_plan_is_read_with_its_reasons_tools_and_inputs() -> None:
    text = """Plan: Find the height of the first.
#E1 = search[height of A]
Plan: Find the other one.
#E2 = search[height of B]
3. Plan: Compare them.
#E3 = llm[Which is more, #E1 or #E2?]"""
    assert [(one.id, one.reason, one.tool, one.input, one.needs) for one in read_plan(text)] == [
        ("E1", "Find the height of the first.", "search", "height of A", ()),
        ("E2", "Find the other one.", "search", "height of B", ()),
        ("E3", "Compare them.", "llm", "Which is more, #E1 or #E2?", ("E1", "E2")),
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("#E1 = t[a[0] + b[1]]", [("E1", "t", "a[0] + b[1]")]),
        ("#E1 = t[one\ntwo] and more", [("E1", "t", "one\ntwo")]),
        ("#E1 = t[never closed\n#E2 = t[b]", [("E1", "t", "never closed"), ("E2", "t", "b")]),
        ("#E1 = 42\n#E2 = t[#E1]", [("E1", "", "42"), ("E2", "t", "#E1")]),
        ("#E1 = t[let #E2 = 4]", [("E1", "t", "let #E2 = 4")]),
        ("#E1 = Web search[x]", [("E1", "Web search", "x")]),
        ("#E1=t[a] #E2=t[b]", [("E1", "t", "a"), ("E2", "t", "b")]),
        ('#E1 = t["#E0"]', [("E1", "t", '"#E0"')]),
        ("#E1 = t[]", [("E1", "t", "")]),
        ("no step at all", []),
        ("", []),
        ("#E1 = t[a]\nSteps: #E1 = t[a]", [("E1", "t", "a")]),
        ("#E1 = t[a]\n#E1 = t[b]", [("E1", "t", "a"), ("E1", "t", "b")]),
    ],
)
def test_inputs_of_every_shape(text: str, found: list[tuple[str, str, str]]) -> None:
    assert [(one.id, one.tool, one.input) for one in read_plan(text)] == found


@pytest.mark.parametrize(
    ("steps", "wrong"),
    [
        ([], []),
        ([step("E1"), step("E2", "#E1 #E1")], []),
        ([step("E1"), step("E1", "x")], ["#E1 is assigned more than once"]),
        ([step("E1", "#E7")], ["#E1 uses #E7, which no step gives"]),
        ([step("E1", "#E1")], ["#E1 use one another in a circle"]),
        ([step("E1", "#E2"), step("E2")], ["#E1 uses #E2, which comes later"]),
    ],
)
def test_faults_are_told(steps: list[PlanStep], wrong: list[str]) -> None:
    assert faults(steps) == wrong


def test_a_circle_is_told_with_its_members() -> None:
    told = faults([step("E1", "#E3"), step("E2", "#E1"), step("E3", "#E2")])
    assert set(re.findall(r"#E\d", told[0])) == {"#E1", "#E2", "#E3"}
    assert told[0].endswith("use one another in a circle")


def test_variables_with_more_digits_are_others() -> None:
    evidence = {f"E{n}": f"<{n}>" for n in range(1, 13)}
    assert filled("#E1 and #E12 and #E2", evidence) == "<1> and <12> and <2>"
    assert filled("#E1", {"E1": "see #E2", "E2": "no"}) == "see #E2", "one pass"
    assert filled("#E99 stays", evidence) == "#E99 stays"
    assert filled("#E01", evidence) == "<1>"


@st.composite
def plans(draw: st.DrawFn) -> list[PlanStep]:
    count = draw(st.integers(0, 12))
    return [
        step(f"E{n}", " ".join(f"#E{m}" for m in draw(st.sets(st.integers(1, n - 1), max_size=3))))
        if n > 1
        else step("E1")
        for n in range(1, count + 1)
    ]


@settings(max_examples=60, deadline=None)
@given(plan=plans())
def test_waves_hold_each_step_once_after_all_that_it_needs_and_are_as_few_as_can_be(plan: list[PlanStep]) -> None:
    assert faults(plan) == []
    made = list(waves(plan))
    level = {id: number for number, wave in enumerate(made) for id in wave}
    assert sorted(level) == sorted(one.id for one in plan)
    for one in plan:
        assert level[one.id] == max((level[needed] + 1 for needed in one.needs), default=0)
    assert len(made) == (nx.dag_longest_path_length(graph_of(plan)) + 1 if plan else 0)


@settings(max_examples=60, deadline=None)
@given(plan=plans(), order=st.randoms())
def test_a_plan_that_is_written_down_is_read_again(plan: list[PlanStep], order: object) -> None:
    text = "\n".join(f"Plan: do it.\n#{one.id} = {one.tool}[{one.input}]" for one in plan)
    read = read_plan(text)
    assert [(one.id, one.tool, one.input) for one in read] == [(one.id, one.tool, one.input) for one in plan]


@settings(max_examples=150, deadline=None)
@given(text=st.text(st.sampled_from("#E12= t[]\nab")))
def test_no_text_breaks_the_reading(text: str) -> None:
    steps = read_plan(text)
    if not faults(steps):
        assert sorted(id for wave in waves(steps) for id in wave) == sorted(one.id for one in steps)
