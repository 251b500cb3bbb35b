"""Demonstrations: only their length changes, and the solver sees them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disputatio.agents import Demonstration, with_steps
from disputatio.errors import ConfigurationError
from disputatio.graphs import chain_of_thought
from disputatio.graphs.run import prepare, run
from disputatio.models import ScriptedModel
from disputatio.question import Question

ANNA = Demonstration("How many does each get?", ("Anna has 16.", "She spends 4, so 12 left.", "So 5 each."), "5")


@given(added=st.integers(-2, 6))
def test_the_number_of_steps_is_exact_and_nothing_else_changes(added: int) -> None:
    changed = with_steps(ANNA, added)
    assert len(changed.steps) == 3 + added
    assert changed.numbers == ANNA.numbers == {"16", "4", "12", "5"}
    assert (changed.question, changed.answer) == (ANNA.question, ANNA.answer)
    text = " ".join(changed.steps)
    assert all(step in text for step in ANNA.steps)
    assert [text.index(step) for step in ANNA.steps] == sorted(text.index(step) for step in ANNA.steps)


def test_steps_come_in_the_order_of_their_kinds() -> None:
    assert with_steps(ANNA, 0) == ANNA
    assert with_steps(ANNA, 1).steps == ("First I say what is to be found.", *ANNA.steps)
    assert with_steps(ANNA, 3).steps[-1] == "So the answer is 5."
    assert with_steps(ANNA, 4).steps[2:4] == ("Anna has 16.", "To go on, I keep in mind: Anna has 16.")
    assert with_steps(ANNA, -2).steps == ("Anna has 16. She spends 4, so 12 left. So 5 each.",)


def test_what_cannot_be_lengthened_or_shortened_is_refused() -> None:
    for added in (-3, 7):
        with pytest.raises(ConfigurationError, match="steps"):
            with_steps(ANNA, added)
    for question, steps, answer in (("", ("a",), "b"), ("a", (), "b"), ("a", ("a",), " ")):
        with pytest.raises(ConfigurationError, match="at least 1 step"):
            Demonstration(question, steps, answer)
    with pytest.raises(ConfigurationError, match="there are none"):
        chain_of_thought(added_steps=2)


async def test_the_arms_of_an_experiment_differ_in_the_steps_alone() -> None:
    prompts = []
    for added in (0, 3):
        model = ScriptedModel(lambda prompt: "So.\nAnswer: 7")
        strategy = chain_of_thought(examples=[ANNA, ANNA], added_steps=added)
        result = await run(Question(text="How many?", answer_type="number"), strategy, prepare(model=model))
        assert (result.answer.value, result.usage.calls, strategy.calls) == ("7", 1, 1)
        prompts.append(model.prompts[0].splitlines())
    short, long = prompts
    assert set(long) - set(short) == {*with_steps(ANNA, 2).steps[:2], "So the answer is 5."}
    assert set(short) <= set(long)
    assert len(long) - len(short) == 2 * 3
    assert short.count("Question: How many does each get?") == 2
