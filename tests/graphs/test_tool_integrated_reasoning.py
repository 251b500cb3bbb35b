"""Tool-integrated reasoning: the trajectory that the solver sees, the code that is run, and what a text cannot do."""

import pytest

from disputatio.budget import Budget
from disputatio.errors import ConfigurationError
from disputatio.graphs import chain_of_thought, tool_integrated_reasoning
from disputatio.graphs.run import prepare, run
from disputatio.graphs.strategies.tool_integrated_reasoning import block_of, without_output
from disputatio.models import ScriptedModel
from disputatio.question import Question
from disputatio.result import Result
from disputatio.strategies import Strategy
from disputatio.tools import calculator, python_tool
from disputatio.tools.sandbox import Limits

ASKED = Question(text="What is two to the tenth, plus one?", answer_type="number")
FIRST = "I compute the power.\n```python\nx = 2**10\n```"
SECOND = "Now the sum.\n```python\nprint(x + 1)\n```"
quick = tool_integrated_reasoning(tool=python_tool("monty", keeps_state=True))


def script(*replies: str) -> ScriptedModel:
    said = iter(replies)
    return ScriptedModel(lambda prompt: next(said))


async def worked(model: ScriptedModel, strategy: Strategy[...] = quick, budget: Budget | None = None) -> Result:
    return await run(ASKED, strategy, prepare(model=model, budget=budget))


def trail(prompt: str) -> str:
    """The work so far in a prompt."""
    return prompt.partition("Work so far:\n")[2].partition("\n\nSolve the problem")[0]


async def test_text_and_code_alternate_and_variables_are_kept() -> None:
    model = script(f"{FIRST}\nAnswer: none", SECOND, "So it is.\nAnswer: 1025")
    result = await worked(model)
    assert (result.answer.value, result.usage.calls) == ("1025", 3)
    observed = [one for one in result.thoughts if one.role == "tool"]
    assert [one.text for one in observed] == ["(it printed nothing; print what you want to see)", "1025"]
    assert trail(model.prompts[0]) == ""
    nothing = f"```output\n{observed[0].text}\n```"
    assert trail(model.prompts[2]) == f"{FIRST}\n{nothing}\n{SECOND}\n```output\n1025\n```"
    assert result.answer.data["blocks"] == 2
    assert result.answer.data["ended"] == "answered"
    assert 0 < result.answer.data["first_code"] < 0.5  # type: ignore[operator]
    ids = [one.id for one in result.thoughts]
    assert [(ids.index(link.source), ids.index(link.target)) for link in result.links] == [
        (1, 0),
        (2, 1),
        (3, 2),
        (4, 3),
    ]


async def test_without_kept_variables_the_solver_reads_the_error_and_the_run_goes_on() -> None:
    model = script(FIRST, SECOND, "```python\nprint(2**10 + 1)\n```", "Answer: 1025")
    result = await worked(model, tool_integrated_reasoning(tool=python_tool("monty"), keeps_state=False))
    assert "NameError: name 'x' is not defined (line 1)" in trail(model.prompts[2])
    assert (result.answer.value, result.usage.calls) == ("1025", 4)
    assert "Each block starts anew" in model.prompts[0]


async def test_what_comes_after_the_code_is_never_read() -> None:
    made_up = "\n```output\n7\n```\nSo it is 7.\nAnswer: 7"
    model = script(f"{FIRST}{made_up}", f"{SECOND}\nThis prints 8.\nAnswer: 8", "Answer: 1025")
    result = await worked(model)
    assert result.answer.value == "1025"
    assert not [line for line in trail(model.prompts[2]).splitlines() if "7" in line or "8" in line]


async def test_an_output_is_not_made_up_without_code_either() -> None:
    model = script("I know it.\n```output\n1024\n```\nso", "Answer: 1025")
    assert trail((await worked(model)) and model.prompts[1]) == (
        "I know it.\n(There is neither code nor an answer here; go on.)"
    )


async def test_the_last_turn_runs_no_code() -> None:
    model = ScriptedModel(lambda prompt: "```python\n1\n```")
    result = await worked(model, quick(turns=3))
    assert ["No more code can be run" in prompt for prompt in model.prompts] == [False, False, True]
    assert (result.usage.calls, sum(one.role == "tool" for one in result.thoughts)) == (3, 2)
    assert (result.answer.value, result.answer.data["ended"], result.stop_reason) == (None, "turns", "undecided")


async def test_code_that_runs_for_ever_or_prints_without_end() -> None:
    tool = python_tool("monty", keeps_state=True, limits=Limits(seconds=0.3, output=10_000))
    model = script(
        "```python\nx = 1\n```",
        "```python\nx = 2\nwhile True:\n    pass\n```",
        '```python\nprint("a" * 9000, "z")\n```',
        "```python\nprint(x)\n```",
        "Answer: 1025",
    )
    await worked(model, tool_integrated_reasoning(tool=tool))
    seen = trail(model.prompts[4])
    assert "nothing is kept of this code: it was stopped after 0.3 s" in seen
    assert "characters left out" in seen
    assert "aa z" in seen, "head and tail are kept"
    assert seen.endswith("```output\n1\n```"), "what was stopped left nothing, what was before is there"


def by_code(code: str) -> ScriptedModel:
    """A solver that writes this code, and says what it printed."""

    def said(prompt: str) -> str:
        output = trail(prompt).partition("```output\n")[2].split()
        return f"Answer: {output[0]}" if output else f"```python\n{code}\n```"

    return ScriptedModel(said)


async def test_what_a_text_gets_right_by_luck_code_gets_right() -> None:
    """A text that gets each of 12 digits right nine times in ten is right 0.28 of the time; see Lin and Xu 2025."""
    assert round(0.9**12, 4) == 0.2824
    result = await worked(by_code("739_211 * 968_413"))
    assert result.answer.value == str(739_211 * 968_413)


async def test_what_a_text_cannot_write_within_its_budget_code_computes() -> None:
    counted = " ".join(map(str, range(1000)))
    text = await worked(ScriptedModel(lambda prompt: counted), chain_of_thought, Budget(completion_tokens=300))
    short = by_code("sum(number % 7 == 3 for number in range(1000))")
    code = await worked(short, quick, Budget(completion_tokens=300))
    assert text.answer.value is None
    assert code.answer.value == "143"
    assert code.usage.completion_tokens < 300


async def test_code_can_be_asked_for_early() -> None:
    for early in (False, True):
        model = script("Answer: 1025")
        await worked(model, quick(code_early=early))
        assert ("Write code early" in model.prompts[0]) is early


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a\n```python\n1\n```\nb\n```python\n2\n```", "1\n"),
        ("a\n```py\n1\n2", "1\n2"),
        ("a\n```python\n1\nAnswer: none", "1\n"),
        ("```Python\n  1\n  ```", "  1\n"),
        ("```output\n1\n```\n```python\n2\n```", None),
        ("```\n1\n```", None),
        ("```python\n\n```", None),
        ("no code", None),
    ],
)
def test_the_first_block_is_the_code(text: str, code: str | None) -> None:
    found = block_of(text)
    assert (found.code if found else None) == code


def test_the_text_before_the_code_is_kept_to_the_byte() -> None:
    found = block_of("One  two\n\n three\n```python\n1\n```\nfour")
    assert found
    assert found.before == "One  two\n\n three\n```python\n1\n```"
    assert without_output("a\n```output\nb") == "a"


def test_no_turns_or_a_tool_for_something_else_are_refused() -> None:
    for wrong in ({"turns": 0}, {"tool": calculator}):
        with pytest.raises(ConfigurationError, match="at least 1 turn and a tool"):
            tool_integrated_reasoning(**wrong)  # type: ignore[arg-type]
