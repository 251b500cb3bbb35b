"""Joint thinking: two modes first, and a second round only where they differ."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from disputatio.agents import Solver
from disputatio.budget import Usage
from disputatio.errors import UnsupportedError
from disputatio.graphs import joint_thinking
from disputatio.graphs.run import prepare, run
from disputatio.model import FEATURES, Profile, Reply, Request
from disputatio.models import ScriptedModel, SimulatedModel
from disputatio.question import Question
from disputatio.result import Result

HALF = Question(text="How much is left?", answer_type="number")


@dataclass
class TwoModes:
    """A model whose replies depend on the mode, and the third on its own."""

    thinking: str | None
    hasty: str | None
    second: str | None = None
    cut: bool = False
    name: str = "two modes"
    profile: Profile = field(default_factory=Profile)
    requests: list[Request] = field(default_factory=list)

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        self.requests.append(request)
        said = self.second if len(self.requests) > 2 else self.thinking if request.thinking else self.hasty
        text = "By a long chain of steps." + (f"\nAnswer: {said}" if said else "")
        finish = "length" if self.cut and request.thinking and len(self.requests) < 3 else "stop"
        return Reply(text=text, usage=Usage(calls=1, prompt_tokens=1), finish_reason=finish)

    @property
    def last(self) -> str:
        return self.requests[-1].messages[-1]["content"]


async def joined(model: TwoModes, **settings: object) -> Result:
    strategy = joint_thinking(**settings)  # type: ignore[arg-type]
    return await run(HALF, strategy, prepare(model=model))


async def test_equal_answers_in_other_forms_end_it_after_two_calls() -> None:
    model = TwoModes("1/2", "0.50")
    result = await joined(model)
    assert (result.answer.text, result.answer.data["path"], result.usage.calls) == ("1/2", "agreed", 2)
    one, other = sorted(model.requests, key=lambda request: bool(request.thinking))
    assert (one.thinking, other.thinking) == (False, True)
    assert (one.messages, one.temperature, one.max_tokens) == (other.messages, 0.6, other.max_tokens)  # only the mode


@pytest.mark.parametrize(
    ("second", "answer", "path"), [("7", "7", "recalibrated"), ("8", "8", "recalibrated"), (None, "7", "fallback")]
)
async def test_other_answers_are_thought_about_once(second: str | None, answer: str, path: str) -> None:
    model = TwoModes("7", "9", second)
    result = await joined(model)
    assert (result.answer.value, result.answer.data["path"], result.usage.calls) == (answer, path, 3)
    assert model.requests[-1].thinking is True
    assert '"7" and "9"' in model.last
    assert "long chain" not in model.last  # the answers, not how they were found
    links = {(link.kind, link.source) for link in result.links}
    assert {kind for kind, _ in links} == {"verifies"}


async def test_one_answer_is_shown_alone_and_none_is_asked_again_as_it_was() -> None:
    model = TwoModes("7", None, "7")
    assert (await joined(model)).usage.calls == 3
    assert 'candidate answer was given to the question: "7".' in model.last
    model = TwoModes(None, None, None)
    result = await joined(model)
    assert (result.usage.calls, result.stop_reason, result.answer.value) == (3, "undecided", None)
    assert model.last == model.requests[0].messages[-1]["content"]


async def test_thoughts_that_were_cut_off_give_no_answer() -> None:
    model = TwoModes("7", "9", "9", cut=True)
    result = await joined(model)
    assert "7" not in model.last
    assert result.answer.value == "9"


async def test_a_model_of_one_mode_is_refused_unless_it_is_emulated() -> None:
    one_mode = Profile(features=FEATURES - {"thinking"})
    model = ScriptedModel(lambda prompt: "Answer: " + ("4" if "at once" in prompt else "5"), profile=one_mode)
    with pytest.raises(UnsupportedError, match="thinking; emulate=true"):
        await run(HALF, joint_thinking, prepare(model=model))
    assert model.requests == []
    result = await run(HALF, joint_thinking(emulate=True), prepare(model=model))
    assert sorted(prompt.count("at once") for prompt in model.prompts) == [0, 0, 1]
    assert (result.answer.data["emulated"], result.usage.calls) == (True, 3)


async def test_an_instruction_of_ones_own_is_kept_in_all_three() -> None:
    model = TwoModes("7", "9", "9")
    await joined(model, solver=Solver(instruction="Count on your fingers."))
    assert all("fingers" in request.messages[-1]["content"] for request in model.requests)


async def test_the_accuracy_is_that_of_the_law() -> None:
    """p = 0.8 and r = 0.6 agree in half of all cases; 0.7 on the others makes 0.48 + 0.7 * 0.5 = 0.83."""
    settings = {"wrong_answers": 4, "words": 3}
    models = {
        "thinking": SimulatedModel(accuracy=0.8, **settings),
        "no thinking": SimulatedModel(accuracy=0.6, **settings),
        "second thinking": SimulatedModel(accuracy=0.7, **settings),
    }
    judge = SimulatedModel(accuracy=1.0, **settings)
    questions = [Question(text=f"How much is {n} twice?", answer_type="number") for n in range(300)]

    async def one(question: Question, seed: int) -> tuple[bool, int]:
        result = await run(question, joint_thinking, prepare(model=judge, models=models, seed=seed))
        truth = await run(question, joint_thinking, prepare(model=judge, seed=seed))
        return result.answer.value == truth.answer.value, result.usage.calls

    told = await asyncio.gather(*(one(question, seed) for seed, question in enumerate(questions)))
    right, calls = sum(one for one, _ in told) / 300, sum(calls for _, calls in told) / 300
    assert abs(right - 0.83) < 4 * (0.83 * 0.17 / 300) ** 0.5
    assert abs(calls - 2.5) < 4 * (0.25 / 300) ** 0.5
