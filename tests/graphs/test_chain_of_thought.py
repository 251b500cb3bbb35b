"""Chain of thought: one agent, one prompt, its own answer."""

import pytest

from disputatio.agents import Solver
from disputatio.graphs import chain_of_thought
from disputatio.graphs.run import prepare, run
from disputatio.model import Profile
from disputatio.models import ScriptedModel
from disputatio.question import Question
from disputatio.tools import calculator

QUESTION = Question(text="What is 6 times 7?", answer_type="number")


async def test_reasoning_and_answer_come_in_one_reply() -> None:
    model = ScriptedModel(lambda prompt: "Six sevens are 42.\nAnswer: 42\nConfidence: 90")
    result = await run(QUESTION, chain_of_thought, prepare(model=model))
    answer = result.answer
    assert (answer.value, answer.text, answer.confidence, answer.stop_reason) == ("42", "42", 0.9, "finished")
    assert "Six sevens" in answer.rationale
    assert "step by step" in model.prompts[0]
    assert [len(model.requests), len(result.thoughts), len(result.links)] == [1, 1, 0]


async def test_a_weak_model_reasons_first_and_is_asked_for_the_answer_in_a_second_step() -> None:
    def reply(prompt: str) -> str:
        return '{"answer": "42", "confidence": 90}' if "Six sevens" in prompt else "Six sevens are, I think, forty-two."

    model = ScriptedModel(reply, profile=Profile(structure="two_step"))
    result = await run(QUESTION, chain_of_thought, prepare(model=model))
    first, second = model.requests
    assert (first.schema, len(first.messages)) == (None, 2)
    assert second.schema is not None
    assert "Answer: <" not in first.messages[-1]["content"]
    assert second.messages[: len(first.messages)] == first.messages
    assert second.messages[2] == {"role": "assistant", "content": "Six sevens are, I think, forty-two."}
    assert (result.answer.value, result.thoughts[0].text) == ("42", "Six sevens are, I think, forty-two.")
    assert result.usage.calls == 2


@pytest.mark.parametrize("reply", ["Six sevens.", "Answer: many\nConfidence: 90", "Answer: 6 or 7"])
async def test_what_is_no_number_is_no_answer_to_a_question_for_a_number(reply: str) -> None:
    result = await run(QUESTION, chain_of_thought, prepare(model=ScriptedModel(lambda prompt: reply)))
    assert (result.answer.value, result.answer.text, result.stop_reason) == (None, "", "undecided")
    assert result.thoughts[0].answer is None
    assert result.answer.rationale == reply


async def test_a_solver_with_a_tool_may_use_it_before_it_answers() -> None:
    def reply(prompt: str) -> str:
        if "Use: <" in prompt:
            return '{"use": {"tool": "calculator", "arguments": {"expression": "6 * 7"}}}'
        return f"Answer: {'42' if '[calculator(6 * 7)] 42' in prompt else '41'}"

    model = ScriptedModel(reply)
    strategy = chain_of_thought(solver=Solver(tools=[calculator]))
    result = await run(QUESTION, strategy, prepare(model=model))
    assert (result.answer.value, result.usage.calls, strategy.calls) == ("42", 2, 4)
    assert [thought.role for thought in result.thoughts] == ["tool", "solver"]
    assert result.thoughts[0].text == "42"
    assert [link.kind for link in result.links] == ["uses"]


async def test_the_confidence_is_the_solvers_own_and_none_if_it_gave_none() -> None:
    result = await run(QUESTION, chain_of_thought, prepare(model=ScriptedModel(lambda prompt: "Answer: 42")))
    assert (result.answer.value, result.answer.confidence) == ("42", None)
