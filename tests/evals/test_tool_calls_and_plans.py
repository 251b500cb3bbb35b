"""Scorers of tool calls and of plans: hostile answers, and laws against brute force."""

import json
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disputatio.errors import ConfigurationError
from disputatio.evals import load, score
from disputatio.evals.items import Item
from disputatio.evals.tasks.building import item_of
from disputatio.question import Question
from disputatio.thought import Answer

DATA = Path(__file__).parents[3] / "shared" / "data"
has_data = pytest.mark.skipif(not (DATA / "bfcl").is_dir(), reason="the sample data is not beside the repository")
AREA: dict[str, Any] = {
    "name": "geometry.area",
    "parameters": {
        "type": "dict",
        "properties": {
            "base": {"type": "integer"},
            "height": {"type": "float"},
            "unit": {"type": "string"},
            "exact": {"type": "boolean"},
        },
        "required": ["base", "height"],
    },
}
WANTED = [
    {"geometry.area": {"base": [6], "height": [10, 10.5], "unit": ["", "square metres", "m^2"], "exact": ["", True]}}
]


def valued(target: Any, text: str, scorer: str = "tool_calls", **parameters: Any) -> float | None:
    item = Item(id="1", question=Question(text="Which?"), target=target, scorer=scorer, parameters=parameters)
    return score(item, Answer(text=text, value=item.question.canonical(text))).value


def call(name: str = "geometry.area", /, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ({"base": 6, "height": 10}, 1),
        ({"base": 6, "height": 10.5, "unit": "Square  Metres", "exact": True}, 1),
        ({"base": 6, "height": 10.0, "unit": "M2"}, 1),
        ({"base": 6.0, "height": 10}, 0),
        ({"base": True, "height": 10}, 0),
        ({"base": "6", "height": 10}, 0),
        ({"base": 6, "height": "10"}, 0),
        ({"base": 6, "height": 11}, 0),
        ({"base": 6}, 0),
        ({"base": 6, "height": 10, "exact": 1}, 0),
        ({"base": 6, "height": 10, "exact": False}, 0),
        ({"base": 6, "height": 10, "colour": "red"}, 0),
        ({"base": 6, "height": 10, "unit": ["m^2"]}, 0),
        ({"base": None, "height": 10}, 0),
        ({}, 0),
    ],
)
def test_arguments_are_compared_by_type_and_value(arguments: dict[str, Any], value: float) -> None:
    assert valued(WANTED, json.dumps([call(**arguments)]), functions=[AREA]) == value
    assert valued(WANTED, json.dumps(call(**arguments)), functions=[AREA]) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("A", None),
        ("None", None),
        ("null", None),
        ("42", None),
        ("[]", None),
        ("{}", None),
        ("[[]]", None),
        ('["geometry.area"]', None),
        ('{"geometry.area": {"base": 6, "height": 10}}', None),
        ("geometry.area(base=6, height=10)", None),
        ("I would call [" + json.dumps(call(base=6, height=10)) + "]", None),
        (json.dumps(call(base=6, height=10)) + " " + json.dumps(call(base=6, height=10)), None),
        ('{"name": "geometry.area", "arguments": {"base": 6, "base": 6, "height": 10}}', None),
        ('{"name": "geometry.area", "arguments": {"base": NaN, "height": 10}}', None),
        ('{"name": "geometry.area", "arguments": [6, 10]}', None),
        ('{"name": "geometry.area", "arguments": {"base": 6, "height": 10}, "id": 1}', None),
        ('1}, "calls": [{"name": "geometry.area"', None),
        ('[], "more": 1', None),
        ("[" * 5000, None),
        (json.dumps([call(base=6, height=10)] * 101), None),
        ("no_call", 0),
        ("No call.", 0),
        (json.dumps([call(base=6, height=10)] * 2), 0),
        (json.dumps(call("geometry_area", base=6, height=10)), 0),
        (json.dumps({"name": "geometry.area", "arguments": json.dumps({"base": 6, "height": 10})}), 1),
        ("```json\n" + json.dumps([call(base=6, height=10)]) + "\n```", 1),
    ],
)
def test_only_a_list_of_calls_is_read(text: str, value: float | None) -> None:
    assert valued(WANTED, text, functions=[AREA]) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("no_call", 1), ("No call", 1), ("`no_action`", 1), ("None", None), ("A", None), ("", None), ("no", None),
     (json.dumps([call(base=6, height=10)]), 0)],
)  # fmt: skip
def test_no_call_has_to_be_said(text: str, value: float | None) -> None:
    assert valued("no_call", text, functions=[AREA]) == value


def test_plain_calls_are_equal_to_the_letter() -> None:
    target = [call("send", user="emma_kim", amount=50), call("close")]
    said = json.dumps(target)
    assert valued(target, said) == 1
    assert valued(target, said.replace("emma_kim", "emmakim")) == 0
    assert valued(target, said.replace("50", "50.0")) == 1, "without a schema a number is a number"
    assert valued(target, said.replace("50", "true")) == 0
    backwards = json.dumps(target[::-1])
    assert (valued(target, backwards), valued(target, backwards, ordered=True), valued(target, said, ordered=True)) == (
        1, 0, 1,
    )  # fmt: skip


@pytest.mark.parametrize("target", ["", "call it", [], [1], [{}], [{"f": [1]}], [{"f": {"x": []}}], [{"f": {"x": 1}}],
                                    [{"a": {}, "b": {}}], [{"name": "f", "arguments": []}]])  # fmt: skip
def test_a_target_that_is_none_is_a_fault_of_the_task(target: Any) -> None:
    with pytest.raises(ConfigurationError, match="the target is no list of calls"):
        valued(target, "no_call")
    for functions in ([1], [{"parameters": {}}], [{"name": "f", "parameters": {"properties": {"x": 1}}}]):
        with pytest.raises(ConfigurationError, match="no schemas"):
            valued("no_call", json.dumps(call()), functions=functions)


NESTED = [
    {"f": {"box": [{"w": [2], "tags": [["a", "b"], []], "note": ["", "hi"]}], "rows": [[{"x": [1]}, {"x": [2, 3]}]]}}
]


@pytest.mark.parametrize(
    ("box", "rows", "value"),
    [
        ({"w": 2, "tags": ["A", "b"]}, [{"x": 1}, {"x": 3}], 1),
        ({"w": 2, "tags": [], "note": "Hi"}, [{"x": 1}, {"x": 2}], 1),
        ({"w": 2, "tags": ["b", "a"]}, [{"x": 1}, {"x": 3}], 0),
        ({"w": 2, "tags": []}, [{"x": 3}, {"x": 1}], 0),
        ({"w": 2, "tags": []}, [{"x": 1}], 0),
        ({"w": 2}, [{"x": 1}, {"x": 2}], 0),
        ({"w": 2, "tags": [], "more": 1}, [{"x": 1}, {"x": 2}], 0),
    ],
)
def test_objects_within_arguments_lead_to_options_again(box: Any, rows: Any, value: float) -> None:
    assert valued(NESTED, json.dumps([call("f", box=box, rows=rows)])) == value


OPTIONS = st.lists(st.integers(0, 2), min_size=1, max_size=3, unique=True)


@given(st.lists(OPTIONS, min_size=1, max_size=4), st.lists(st.integers(0, 2), min_size=1, max_size=4))
def test_calls_in_any_order_match_if_some_order_does(options: list[list[int]], said: list[int]) -> None:
    target = [{"f": {"x": one}} for one in options]
    text = json.dumps([call("f", x=one) for one in said])
    in_place = [all(x in one for x, one in zip(order, options, strict=True))
                for order in permutations(said) if len(said) == len(options)]  # fmt: skip
    assert valued(target, text) == any(in_place)
    assert valued(target, text, ordered=True) == bool(in_place and in_place[0])


def test_a_user_can_write_such_items() -> None:
    record = {"question": "How large?", "answer": WANTED, "target_type": "tool_call", "fields": {"functions": [AREA]}}
    item = item_of({**record, "id": "1"}, name="own", fixed={})
    assert (item.scorer, item.parameters) == ("tool_calls", {"functions": [AREA]})
    assert "geometry.area" in item.question.context[0]
    assert "no_call" in item.question.text


@has_data
def test_every_gold_call_is_right_and_no_other_item_s() -> None:
    items = list(load("bfcl", data=DATA).items)
    assert len(items) == 400
    for place, item in enumerate(items):
        said = _gold(item.target)
        value = item.question.canonical(said)
        assert score(item, Answer(text=said, value=value)).value == 1, item.id
        other = _gold(items[place - 1].target)
        if other != said:
            assert score(item, Answer(text=other, value=value)).value == 0, item.id
    assert len(load("bfcl:parallel", data=DATA).items) == 100


def _gold(target: Any) -> str:
    if target == "no_call":
        return "no_call"
    calls = [(name, options) for one in target for name, options in one.items()]
    return json.dumps(
        [call(name, **{key: _first(one) for key, one in options.items() if one != [""]}) for name, options in calls]
    )


def _first(options: list[Any]) -> Any:
    value = next((one for one in options if one != ""), "")
    return [_plain(one) for one in value] if isinstance(value, list) else _plain(value)


def _plain(value: Any) -> Any:
    return {key: _first(one) for key, one in value.items()} if isinstance(value, dict) else value


INIT = (
    "the red block is clear, the hand is empty, the red block is on top of the blue block and the blue block is on the "
    "table"
)
GOAL = "the blue block is on top of the red block"
PLAN = ["unstack the red block from on top of the blue block", "put down the red block", "pick up the blue block",
        "stack the blue block on top of the red block"]  # fmt: skip


def planned(text: str, init: str = INIT, goal: str = GOAL) -> float | None:
    return valued(PLAN, text, "plan", init=init, goal=goal)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("; ".join(PLAN), 1),
        ("\n".join(f"{n}. {step.capitalize()}." for n, step in enumerate(PLAN, 1)), 1),
        (json.dumps(PLAN), 1),
        (", then ".join(PLAN), 1),
        (", and ".join(PLAN), 1),
        ("unstack red from blue; put-down red; pickup blue; stack blue onto red", 1),
        ("unstack red from blue; put down red; pick up red; put down red; pick up blue; stack blue on red", 1),
        ("", None),
        ("A", None),
        ("None", None),
        ("It cannot be done.", None),
        ("42", None),
        ("; ".join(PLAN[:-1]), 0),
        ("; ".join(PLAN[1:]), 0),
        ("; ".join([*PLAN, "pick up the blue block"]), 0),
        ("; ".join([*PLAN, "and so it is done"]), 0),
        ("pick up the blue block; stack the blue block on top of the red block", 0),
        ("pick up the red block; put down the red block; " + "; ".join(PLAN[2:]), 0),
        ("unstack red from blue; stack red on red; put down red; pick up blue; stack blue on red", 0),
        ("unstack red from blue; stack red on green", 0),
        ("pick up green; stack blue on red", 0),
        ("; ".join([*PLAN[:2], PLAN[3]]), 0),
    ],
)
def test_a_plan_is_carried_out(text: str, value: float | None) -> None:
    assert planned(text) == value


@pytest.mark.parametrize(
    ("init", "goal", "fault"),
    [
        ("", GOAL, "no fact is given"),
        (INIT, "", "no fact is given"),
        (INIT, "all is well", "is no fact"),
        ("the red block is clear", GOAL, "the first state is none"),
        (INIT.replace("red block is clear", "blue block is clear"), GOAL, "the first state is none"),
        ("red is on top of blue, blue is on the table, red is on the table", GOAL, "the first state is none"),
    ],
)
def test_a_world_that_cannot_be_is_a_fault_of_the_task(init: str, goal: str, fault: str) -> None:
    with pytest.raises(ConfigurationError, match=fault):
        planned("; ".join(PLAN), init, goal)


NAMES = ("red", "blue", "green")
ACTIONS = [f"{verb} {one}" for verb in ("pick up", "put down") for one in NAMES] + [
    f"{verb} {one} {word} {other}" for verb, word in (("stack", "on"), ("unstack", "from"))
    for one in NAMES for other in NAMES if one != other]  # fmt: skip


def strips(facts: frozenset[str], action: str) -> frozenset[str] | None:
    """The domain as it is written in textbooks: what must hold, what is deleted, what is added."""
    verb, _, rest = action.partition(" up " if action.startswith("pick") else " down " if "down" in action else " ")
    x, *ys = rest.split()
    y = ys[-1] if ys else ""
    needs, deletes, adds = {
        "pick": ({f"clear {x}", f"table {x}", "empty"}, {f"clear {x}", f"table {x}", "empty"}, {f"hold {x}"}),
        "put": ({f"hold {x}"}, {f"hold {x}"}, {f"clear {x}", f"table {x}", "empty"}),
        "stack": ({f"hold {x}", f"clear {y}"}, {f"hold {x}", f"clear {y}"}, {f"clear {x}", f"on {x} {y}", "empty"}),
        "unstack": ({f"on {x} {y}", f"clear {x}", "empty"}, {f"on {x} {y}", f"clear {x}", "empty"},
                    {f"hold {x}", f"clear {y}"}),
    }[verb]  # fmt: skip
    return (facts - deletes) | adds if needs <= facts else None


@given(st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=8), st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_plans_are_right_as_by_the_textbook(actions: list[str], top: str, bottom: str) -> None:
    facts: frozenset[str] | None = frozenset(
        ["empty", "clear red", "on red blue", "table blue", "clear green", "table green"]
    )
    for action in actions:
        facts = strips(facts, action) if facts else None
    goal = f"the {top} block is on top of the {bottom} block" if top != bottom else f"the {top} block is on the table"
    wanted = f"on {top} {bottom}" if top != bottom else f"table {top}"
    init = (
        "the red block is on top of the blue block, the blue block is on the table and the green block is on the table"
    )
    assert planned("; ".join(actions), init, goal) == bool(facts and wanted in facts)


@has_data
def test_every_gold_plan_is_right_and_none_without_its_end() -> None:
    items = list(load("blocksworld", data=DATA).items)
    assert len(items) == 87
    for item in items:
        assert isinstance(item.target, list)
        steps = [str(one) for one in item.target]
        for text, value in (("; ".join(steps), 1), ("; ".join(steps[:-1]), 0), ("; ".join(steps[::-1]), 0)):
            assert score(item, Answer(text=text, value=text)).value == value, item.id
