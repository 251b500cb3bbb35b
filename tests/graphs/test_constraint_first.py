"""Constraint first: a frozen constraint, increments that a solver checks, and answers that come from the solver."""

import re
from collections.abc import Callable

import pytest

from disputatio.errors import ConfigurationError
from disputatio.graphs import constraint_first
from disputatio.graphs.run import prepare, run
from disputatio.graphs.strategies.constraint_first import once
from disputatio.models import ScriptedModel
from disputatio.question import Question
from disputatio.result import Result
from disputatio.strategies import Strategy

pytest.importorskip("z3", reason="needs the extra logic")

SIDES = Question(text="Standing at A and facing B, where is P?", choices=("front-right", "back-left"))
SUM = Question(text="What is x?", answer_type="number")
LINEAR = "Variables:\n1. x: real\n2. y: real\nObjective: x"


def frame(facing: str) -> str:
    """Ahead and right of a person who stands at (0, 0), from the person's frame: dot and cross product."""
    return f"""The frame is the person's.
Variables:
1. px: real
2. py: real
3. ahead: real
4. right: real
Definitions:
1. ahead == {facing.format("px * 0 + py * 1")}
2. right == {facing.format("px * 1 - py * 0")}
Objective: ahead
Options:
1. A: ahead > 0 and right > 0
2. B: ahead < 0 and right < 0"""


AHEAD, BEHIND = frame("{}"), frame("-({})")


class Script:
    """An analyst and a solver who say what is given, in turn, the last thing for ever; their prompts are kept."""

    def __init__(self, analyst: str | list[str], *adds: str) -> None:
        self.analyst = [analyst] if isinstance(analyst, str) else analyst
        self.adds = list(adds)
        self.seen: dict[str, list[str]] = {"analyst": [], "solver": []}

    def __call__(self, prompt: str) -> str:
        who = "analyst" if "Make the question formal" in prompt else "solver"
        self.seen[who].append(prompt)
        said = self.analyst if who == "analyst" else self.adds
        text = said[min(len(self.seen[who]), len(said)) - 1]
        return text if who == "analyst" else f"So.\n{text if ':' in text else f'Add: {text}'}"


async def worked(script: Callable[[str], str], question: Question, strategy: Strategy[...] | None = None) -> Result:
    return await run(question, strategy or constraint_first(tools=()), prepare(model=ScriptedModel(script)))


@pytest.mark.parametrize(("formal", "answer"), [(AHEAD, "A"), (BEHIND, "B")])
async def test_the_answer_turns_with_the_frame_and_with_nothing_else(formal: str, answer: str) -> None:
    script = Script(formal, "px == 1", "py == 1")
    result = await worked(script, SIDES)
    assert (result.answer.value, result.answer.data["ended"], result.usage.calls) == (answer, "solved", 3)


async def test_the_frozen_constraint_is_not_rewritten_and_the_run_goes_on() -> None:
    misread = ["px == 1", "ahead: int", "ahead == -1 and right == -1 and py == 1", "py == 1"]
    script = Script(AHEAD, *(f"Add: {one}" for one in misread))
    result = await worked(script, SIDES)
    statuses = [one.text for one in result.thoughts if one.author == "z3"]
    assert statuses[1].startswith("refused: nothing can be declared here")
    assert statuses[2].startswith("contradiction: ")
    assert statuses[2].endswith("it is taken back")
    assert (result.answer.value, result.answer.data["increments"]) == ("A", ["px == 1", "py == 1"])
    assert "refused: nothing can be declared here" in script.seen["solver"][2], "the solver is told"
    assert all("ahead == px * 0 + py * 1" in prompt for prompt in script.seen["solver"])


async def test_without_the_frozen_constraint_the_same_misreading_gives_the_other_answer() -> None:
    misread = ["px == 1", "ahead == -1 and right == -1 and py == 1", "py == 1"]
    script = [f"Add: {one}" for one in misread]
    held = await worked(Script(AHEAD, *script), SIDES)
    loose = await worked(Script(AHEAD, *script), SIDES, constraint_first(tools=(), frozen=False))
    assert (held.answer.value, loose.answer.value) == ("A", "B")


def test_no_node_can_write_the_constraint_twice() -> None:
    one, other = {"objective": "x"}, {"objective": "y"}
    assert once(None, one) == once(one, None) == once(one, dict(one)) == one
    with pytest.raises(ValueError, match="frozen"):
        once(one, other)


async def test_an_increment_that_contradicts_is_rolled_back_and_the_answer_is_the_solvers() -> None:
    script = Script(LINEAR, "x + y == 10", "x - y == 2 + 0 * x and x == 5 and y == 4", "x - y == 2")
    result = await worked(script, SUM)
    assert result.answer.value == "6"
    assert result.answer.data["increments"] == ["x + y == 10", "x - y == 2"]
    assert [one.data["status"] for one in result.thoughts if one.author == "z3"] == ["ok", "contradiction", "ok"]


async def test_values_that_are_found_stay_when_a_third_line_contradicts_them() -> None:
    asked = Question(text="What is x * y, if x = 6 and y = 4?", answer_type="number")
    formal = "Variables:\n1. x: real\n2. y: real\n3. z: real\nObjective: z"
    script = Script(formal, "x + y == 10", "x - y == 2", "x == 5", "z == x * y")
    result = await worked(script, asked)
    assert result.answer.value == "24"
    third = [one.text for one in result.thoughts if one.author == "z3"][2]
    assert third == "contradiction: x + y == 10; x - y == 2; x == 5; it is taken back"


async def test_a_constraint_that_cannot_be_used_is_sent_back_with_the_reason() -> None:
    wrong = [
        "Objective: x\nVariables:\n1. y: real",
        "Variables:\n1. x: int\nObjective: x\nDefinitions:\n1. x > 1\n2. x < 1",
    ]
    script = Script([*wrong, LINEAR], "x == 1")
    result = await worked(script, SUM)
    assert "the objective 'x' is none of the variables: y" in script.seen["analyst"][1]
    assert "its rules contradict one another: x > 1; x < 1" in script.seen["analyst"][2]
    assert (result.answer.value, result.usage.calls) == ("1", 4)
    never = Script(wrong, "x == 1")
    failed = await worked(never, SUM)
    assert (failed.answer.value, failed.answer.data["ended"], failed.usage.calls) == (None, "no constraint", 3)


async def test_turns_end_and_what_is_left_is_reported_but_not_given_as_the_answer() -> None:
    script = Script("Variables:\n1. x: int(1, 3)\nDefinitions:\n1. x != 2\nObjective: x", "x > 0")
    result = await worked(script, SUM, constraint_first(tools=()))
    assert (result.answer.value, result.answer.data["ended"], result.usage.calls) == (None, "turns", 1 + 15)
    assert result.answer.data["status"] == "ok: not unique; x can be 1, 3"
    assert constraint_first.calls == 3 + 15


async def test_tools_work_things_out_but_only_increments_count() -> None:
    pytest.importorskip("sympy", reason="needs the extra logic")
    script = Script(LINEAR, "Add: none\nAction: algebra[solve(x**2 - 9, x)]", "Add: x == 3")
    result = await worked(script, SUM, constraint_first)
    assert "Status: [-3, 3]" in script.seen["solver"][1]
    assert result.answer.value == "3"
    assert re.search(r"algebra\(expression", script.seen["solver"][0])


async def test_a_question_that_its_rules_settle_needs_no_turn() -> None:
    result = await worked(Script("Variables:\n1. x: int\nDefinitions:\n1. x == 2 + 2\nObjective: x"), SUM)
    assert (result.answer.value, result.usage.calls) == ("4", 1)
    shown = next(one for one in result.thoughts if one.author == "constraint")
    assert shown.text == "Variables: x: int\nRules: x == 2 + 2\nAsked: x"


@pytest.mark.parametrize("wrong", [{"turns": 0}, {"retries": -1}])
def test_limits_are_checked(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="needs turns >= 1"):
        constraint_first(**wrong)
