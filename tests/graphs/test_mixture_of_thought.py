"""Mixture-of-Thought: three modes that do not see one another, code that is run, tables that are checked, one vote."""

from math import sqrt

import pytest

from disputatio.errors import ConfigurationError
from disputatio.evals import forecast
from disputatio.graphs import mixture_of_thought, self_consistency
from disputatio.graphs.run import prepare, run
from disputatio.graphs.worked_out import checked_table, computes, label_of, last_code
from disputatio.models import ScriptedModel, SimulatedModel
from disputatio.question import Question
from disputatio.result import Result
from disputatio.strategies import Strategy

ASKED = Question(
    text="Is the conclusion true? It is wet.",
    context=("It rains or it is wet.", "It does not rain."),
    choices=("True", "False", "Uncertain"),
)
RUN = "```python\nrain = False\nwet = not rain\nprint('True' if wet else 'False')\n```"
TABLE = "Premises:\n1. rain or wet\n2. not rain\nConclusion: wet"


def mode_of(prompt: str) -> str:
    return next(mode for mode in ("Python", "truth table", "plain language") if f"Reason in {mode}" in prompt
                or f"Reason by a {mode}" in prompt)  # fmt: skip


class Modes:
    """Says what is given for each mode, and keeps the prompts."""

    def __init__(self, language: str, code: str, table: str) -> None:
        self.said = {"plain language": language, "Python": code, "truth table": table}
        self.seen: dict[str, list[str]] = {mode: [] for mode in self.said}

    def __call__(self, prompt: str) -> str:
        self.seen[mode_of(prompt)].append(prompt)
        return self.said[mode_of(prompt)]


def plain(*answers: str | None) -> Modes:
    """Modes that give an answer and nothing that could be run or checked."""
    return Modes(*("I cannot say." if one is None else f"So it is.\nAnswer: {one}" for one in answers))


async def worked(said: Modes, strategy: Strategy[...] = mixture_of_thought, seed: int = 1) -> Result:
    return await run(ASKED, strategy, prepare(model=ScriptedModel(said), seed=seed))


def traces(result: Result) -> dict[str, dict[str, object]]:
    listed = result.answer.data["traces"]
    assert isinstance(listed, list)
    return {one["mode"]: one for one in listed}  # type: ignore[index, call-overload, misc]


async def test_three_modes_one_sample_each_blind_to_one_another() -> None:
    said = plain("A", "A", "A")
    result = await worked(said)
    assert result.usage.calls == mixture_of_thought.calls == 3
    assert [len(prompts) for prompts in said.seen.values()] == [1, 1, 1]
    for prompts in said.seen.values():
        assert "So it is." not in prompts[0]
        assert "It does not rain." in prompts[0]
    pooled = plain("A", "A", "B")
    nine = await worked(pooled, mixture_of_thought(samples=3))
    assert [len(prompts) for prompts in pooled.seen.values()] == [3, 3, 3]
    assert (nine.usage.calls, nine.answer.data["support"], nine.answer.value) == (9, 6, "A")


@pytest.mark.parametrize(("answers", "winner", "support"), [("ACA", "A", 2), ((None, "C", None), "C", 1)])
async def test_the_vote_is_over_labels(answers: tuple[str | None, ...], winner: str, support: int) -> None:
    result = await worked(plain(*answers))
    assert (result.answer.value, result.answer.data["support"]) == (winner, support)


async def test_three_ways_are_a_tie_that_is_drawn_and_marked_and_silence_is_no_answer() -> None:
    drawn = {(await worked(plain("A", "B", "C"), seed=seed)).answer.value for seed in range(12)}
    assert drawn == {"A", "B", "C"}
    tie = await worked(plain("A", "B", "C"))
    assert tie.answer.data["tally"]["tie"] == ["A", "B", "C"]  # type: ignore[index, call-overload]
    silent = await worked(plain(None, None, "Perhaps"))
    assert (silent.answer.value, silent.stop_reason) == (None, "undecided")


async def test_what_code_prints_and_what_follows_from_a_table_count_more_than_what_is_said_of_them() -> None:
    said = Modes("1. By 2.\nAnswer: B", f"{RUN}\nAnswer: B", f"{TABLE}\nAnswer: B")
    result = await worked(said)
    assert (result.answer.value, result.answer.data["support"]) == ("A", 2)
    checks = {one.data["about"]: one for one in result.thoughts if one.role == "tool"}
    assert {name: (one.answer, one.data["conflict"]) for name, one in checks.items()} == {
        "code": ("True", True),
        "table": ("True", True),
    }
    assert checks["table"].text == "1 of 4 rows survive: rain=F wet=T. Verdict: True."
    released = await worked(said, mixture_of_thought(execute=False, check=False))
    assert (released.answer.value, released.answer.data["support"]) == ("B", 3)


@pytest.mark.parametrize(
    ("code", "tested"),
    [
        ("```python\nprint('True')\n```", "prints a fixed text"),
        ("```python\nif 1 / 0:\n    print('True')\n```", "failed"),
        ("```python\nprint(1 + 1)\n```", "prints no answer"),
        ("```python\nimport os\nprint(os.environ)\n```", "failed"),
    ],
)
async def test_code_that_fails_or_works_nothing_out_leaves_the_answer_of_the_reply(code: str, tested: str) -> None:
    result = await worked(Modes("Answer: C", f"{code}\nAnswer: B", "Answer: B"))
    assert traces(result)["code"]["tested"] == tested
    assert result.answer.value == "B"


async def test_a_mode_that_slips_is_marked_and_left_out_if_that_is_asked_for() -> None:
    slipped = Modes(f"{RUN}\nAnswer: B", f"{RUN}\nAnswer: A", "Answer: B")
    result = await worked(slipped, mixture_of_thought(check=False))
    assert {mode: one["format_ok"] for mode, one in traces(result).items()} == {
        "language": False,
        "code": True,
        "table": False,
    }
    assert result.answer.value == "B"
    strict = await worked(slipped, mixture_of_thought(check=False, strict=True))
    assert (strict.answer.value, strict.answer.data["support"]) == ("A", 1)


def test_a_row_that_is_dropped_or_kept_wrongly_is_named_with_the_premise() -> None:
    rows = ["A=T B=T: kept", "A=F B=T: dropped", "A=F B=F: dropped", "A=T: kept", "nonsense"]
    verdict, words = checked_table(["A or B", "not A"], "B", rows)
    assert verdict == "True"
    assert "'A=T B=T: kept' is wrong: premise 2 is false on it" in words
    assert "'A=F B=T: dropped' is wrong: no premise is false on it" in words
    assert words.count("is wrong") == 2


def test_labels_of_a_verdict() -> None:
    assert [label_of(one, ASKED) for one in ("True", "False", "Uncertain", "Inconsistent", None)] == [
        "True",
        "False",
        "Uncertain",
        "Uncertain",
        None,
    ]
    two = Question(text="Does it follow?", answer_type="boolean")
    assert (label_of("True", two), label_of("False", two), label_of("Uncertain", two)) == ("yes", "no", None)
    unknown = ASKED.model_copy(update={"choices": ("true", "false", "Unknown")})
    assert label_of("Uncertain", unknown) == "Unknown"
    assert label_of("True", Question(text="Which?", choices=("red", "blue"))) is None


def test_code_is_found_and_told_from_a_fixed_text() -> None:
    assert last_code("```py\na = 1\n``` and ```python\nb = 2\n```") == "b = 2"
    assert last_code("no code") is None
    assert [computes(one) for one in ("print('True')", "x = True\nprint(x)", "print(a and b)", "print((")] == [
        False,
        False,
        True,
        True,
    ]


def three(p: float, q: float, r: float) -> float:
    """The chance that two of three independent voters over two answers are right."""
    return p * q + p * r + q * r - 2 * p * q * r


def test_the_laws_of_the_card() -> None:
    assert three(0.70, 0.65, 0.60) == pytest.approx(0.719)
    assert three(0.70, 0.70, 0.70) == pytest.approx(0.784)
    # Three labels: two or three right, or all different and the right one drawn.
    assert pytest.approx(0.696) == 0.6**3 + 3 * 0.6**2 * 0.4 + 6 * 0.6 * 0.2 * 0.2 / 3


@pytest.mark.parametrize(("accuracy", "wrong", "law"), [(0.7, 1, 0.784), (0.6, 2, 0.696)])
def test_independent_modes_follow_the_law_as_three_samples_of_one_mode_do(
    accuracy: float, wrong: int, law: float
) -> None:
    model, trials = SimulatedModel(accuracy=accuracy, wrong_answers=wrong, seed=3), 200
    for strategy in (mixture_of_thought, self_consistency(samples=3)):
        found = forecast(strategy, model, questions=trials)
        assert abs(found.accuracy - law) < 4 * sqrt(law * (1 - law) / trials)
        assert found.usage.calls == 3 * trials


def test_modes_that_err_together_gain_nothing() -> None:
    found = forecast(mixture_of_thought, SimulatedModel(accuracy=0.7, spread=0.458, wrong_answers=1), questions=150)
    assert abs(found.accuracy - 0.7) < 4 * sqrt(0.7 * 0.3 / 150)


@pytest.mark.parametrize("wrong", [{"samples": 0}, {"samples": 3, "temperature": 0.0}, {"temperature": -1.0}])
def test_samples_are_checked(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="needs samples >= 1"):
        mixture_of_thought(**wrong)  # type: ignore[arg-type]
