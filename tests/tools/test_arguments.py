"""From a typed function to a schema: what the model is told, and which functions cannot be tools."""

import json
from collections.abc import Callable
from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from disputatio.errors import ConfigurationError, ToolError
from disputatio.tools import ToolRuntime, tool
from disputatio.tools.arguments import MAX_NODES, whole


class Unit(Enum):
    METRE = "m"
    FOOT = "ft"


class Point(BaseModel):
    """A place."""

    x: float = Field(description="metres to the east")
    y: float = 0.0


async def measure(
    points: list[Point],
    unit: Unit = Unit.METRE,
    mode: Literal["straight", "road"] = "road",
    since: date | None = None,
    title: str = "way",
) -> str:
    """Length of a way.

    Corners are not rounded.

    Args:
        points: The corners, in order,
            at least two.
        unit: Unit of the result.

    Returns:
        The length.
    """
    return f"{len(points)} {unit.value} {mode} {since} {title}"


def test_the_schema_is_whole_and_described() -> None:
    made = tool(measure)
    assert made.description == "Length of a way.\n\nCorners are not rounded."
    assert made.schema["required"] == ["points"]
    assert made.schema["additionalProperties"] is False
    properties = made.schema["properties"]
    assert properties["points"]["description"] == "The corners, in order, at least two."
    assert properties["points"]["items"]["properties"]["x"] == {"type": "number", "description": "metres to the east"}
    assert properties["unit"] == {
        "description": "Unit of the result.", "enum": ["m", "ft"], "type": "string", "default": "m",
    }  # fmt: skip
    assert properties["mode"]["enum"] == ["straight", "road"]
    assert properties["title"] == {"type": "string", "default": "way"}
    assert "$ref" not in json.dumps(made.schema)
    assert "$defs" not in made.schema


async def test_arguments_arrive_as_the_types_that_the_function_declares() -> None:
    given = {"points": [{"x": 1}, {"x": 2, "y": 3}], "unit": "ft", "since": "2024-02-29"}
    assert await tool(measure).call(given) == "2 ft road 2024-02-29 way"
    checked = tool(measure).check(given)
    assert checked.values["points"][1] == Point(x=2, y=3)
    assert checked.shown["points"] == [{"x": 1.0, "y": 0.0}, {"x": 2.0, "y": 3.0}]


@pytest.mark.parametrize(
    "given",
    [
        {"points": [{"x": "east"}]},
        {"points": [{"x": 1, "z": 1}], "unit": "mile"},
        {"points": [], "mode": "air"},
        {"points": {}, "unit": 1},
        {},
    ],
)
async def test_arguments_that_do_not_meet_the_schema_do_not_arrive(given: dict[str, Any]) -> None:
    with pytest.raises(ToolError) as caught:
        await tool(measure).call(given)
    assert caught.value.fault == "bad_arguments"
    assert "\n" not in str(caught.value)


def numpy_style(mass: float) -> float:
    """Weight.

    Parameters
    ----------
    mass : float
        Mass in kilograms.

    Returns
    -------
    float
        Newtons.
    """
    return mass * 9.81


def sphinx_style(mass: float) -> float:
    """Weight.

    :param mass: Mass in kilograms.
    :returns: newtons
    """
    return mass * 9.81


def annotated(mass: Annotated[float, Field(description="Mass in kilograms.", gt=0)]) -> float:
    """Weight."""
    return mass * 9.81


def noted(mass: Annotated[float, "Mass in kilograms."]) -> float:
    """Weight."""
    return mass * 9.81


@pytest.mark.parametrize("function", [numpy_style, sphinx_style, annotated, noted])
def test_descriptions_are_read_in_all_usual_styles(function: Callable[..., Any]) -> None:
    made = tool(function)
    assert made.description == "Weight."
    assert made.schema["properties"]["mass"]["description"] == "Mass in kilograms."


def test_the_runtime_is_no_part_of_the_schema() -> None:
    @tool
    def ask(word: str, runtime: ToolRuntime) -> str:
        """Say a word."""
        return word

    assert list(ask.schema["properties"]) == ["word"]
    assert ask.runtime == "runtime"


def test_equal_types_are_looked_at_once_and_shared_by_nobody() -> None:
    def first(x: int | str, point: Point) -> int:
        """Take."""
        return 0

    def second(x: str | int, point: Point) -> int:
        """Take."""
        return 0

    one, two = tool(first), tool(second)
    assert [kind["type"] for kind in one.schema["properties"]["x"]["anyOf"]] == ["integer", "string"]
    assert [kind["type"] for kind in two.schema["properties"]["x"]["anyOf"]] == ["string", "integer"]
    one.schema["properties"]["point"]["properties"].clear()
    assert list(two.schema["properties"]["point"]["properties"]) == ["x", "y"]


class Segment(BaseModel):
    start: Point
    end: Point


async def test_a_type_may_hold_another_twice_and_meet_its_namesake() -> None:
    namesake = type("Point", (BaseModel,), {"__annotations__": {"z": int}})

    def draw(first: Segment, second: Segment, third: namesake, among: Annotated[str, ["odd"]] = "all") -> str:  # type: ignore[valid-type]
        """Draw."""
        return f"{first.end.x + second.start.y} {third.z} {among}"  # type: ignore[attr-defined]

    made = tool(draw)
    assert list(made.schema["properties"]["third"]["properties"]) == ["z"]
    line = {"start": {"x": 1}, "end": {"x": 2, "y": 3}}
    assert await made.call({"first": line, "second": line, "third": {"z": 4}}) == "2.0 4 all"
    with pytest.raises(ToolError, match=r"draw: first\.end\.x: Input should be a valid number"):
        made.check({"first": {**line, "end": {"x": "far"}}, "second": line, "third": {"z": 4}})


def test_a_default_is_the_calls_own_and_may_stand_in_the_annotation() -> None:
    @tool
    def gather(most: Annotated[int, Field(default=3, le=9)], into: list[int] = [], since: int = None) -> int:  # type: ignore[assignment] # noqa: B006, RUF013
        """Gather."""
        return len(into)

    assert gather.schema["properties"] == {
        "most": {"default": 3, "maximum": 9, "type": "integer"},
        "into": {"default": [], "items": {"type": "integer"}, "type": "array"},
        "since": {"default": None, "type": "integer"},
    }
    assert "required" not in gather.schema
    first = gather.check({})
    first.values["into"].append(1)
    first.shown["into"].append(1)
    assert gather.check({}) == ({"most": 3, "into": [], "since": None},) * 2


def test_of_many_faults_the_first_ten_are_told() -> None:
    with pytest.raises(ToolError) as caught:
        tool(measure).check({f"x{number}": 1 for number in range(20)})
    assert str(caught.value).count(";") == 10
    assert str(caught.value).startswith("measure: points: Field required; x0: Extra inputs are not permitted; x1:")
    assert str(caught.value).endswith("; and 11 more")


async def test_names_that_pydantic_uses_itself_can_be_arguments() -> None:
    @tool
    def odd(json: str, copy: int, model_config: int, schema: str = "s", _x: int = 1) -> str:
        """Take odd names."""
        return f"{json}{copy}{model_config}{schema}{_x}"

    assert list(odd.schema["properties"]) == ["json", "copy", "model_config", "schema", "_x"]
    assert await odd.call({"json": "a", "copy": 1, "model_config": 2, "_x": 3}) == "a12s3"


class Tree(BaseModel):
    children: "list[Tree]" = []


class Opaque: ...


def takes_opaque(x: Opaque) -> None:
    """Take."""


def takes_callable(x: Callable[[], int]) -> None:
    """Take."""


def takes_tree(x: Tree) -> None:
    """Take."""


def takes_args(*x: int) -> None:
    """Take."""


def takes_kwargs(**x: int) -> None:
    """Take."""


def takes_positional(x: int, /) -> None:
    """Take."""


def has_nan(x: float = float("nan")) -> None:
    """Take."""


def has_opaque_default(x: Any = Opaque()) -> None:  # noqa: B008
    """Take."""


def has_unknown_type(x: "Nowhere") -> None:  # type: ignore[name-defined] # noqa: F821
    """Take."""


def silent(x: int) -> None: ...


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (takes_opaque, "'takes_opaque'"),
        (takes_callable, "'takes_callable' takes what JSON cannot express"),
        (takes_tree, "'takes_tree' takes a type that contains itself: Tree"),
        (takes_args, "'x' of tool 'takes_args' needs a name and a type"),
        (takes_kwargs, "'x' of tool 'takes_kwargs' needs a name and a type"),
        (takes_positional, "'x' of tool 'takes_positional' needs a name and a type"),
        (has_nan, "'has_nan' takes what JSON cannot express"),
        (has_opaque_default, "'has_opaque_default' takes what JSON cannot express"),
        (has_unknown_type, "'has_unknown_type' has a type that cannot be read here"),
        (silent, "'silent' needs a docstring"),
        (lambda x: x, "'<lambda>' needs a docstring"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_json_cannot_express_is_refused_in_one_line(function: Callable[..., Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        tool(function)
    assert "\n" not in str(caught.value)


def test_limits_and_accesses_are_checked() -> None:
    with pytest.raises(ConfigurationError, match="limits of tool 'silent'"):
        tool(timeout_s=0)(described)
    with pytest.raises(ConfigurationError, match="limits of tool 'silent'"):
        tool(concurrency=0)(described)
    with pytest.raises(ConfigurationError, match="'pure' or touches something"):
        tool(access=("pure", "write"))(described)
    with pytest.raises(ConfigurationError, match="at most 64 letters"):
        tool(name="not a name")(described)


def described(x: int) -> int:
    """Take."""
    return x


described.__name__ = "silent"


def test_a_schema_that_grows_without_end_is_refused() -> None:
    doubling = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(30)}
    bomb = {"$defs": {**doubling, "d30": {"type": "string"}}, "properties": {"x": {"$ref": "#/$defs/d0"}}}
    with pytest.raises(ConfigurationError, match=f"over {MAX_NODES} parts"):
        whole(bomb, "bomb")
    with pytest.raises(ConfigurationError, match="refers to nothing"):
        whole({"properties": {"x": {"$ref": "http://127.0.0.1/x.json"}}}, "remote")


def test_a_property_may_have_the_name_of_a_keyword() -> None:
    schema = {"properties": {"title": {"type": "string", "title": "T"}, "$ref": {"type": "string"}}}
    assert whole(schema, "odd") == {"properties": {"title": {"type": "string"}, "$ref": {"type": "string"}}}
