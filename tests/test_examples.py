"""Every example runs, offline with a scripted model, and says what it is for."""

import asyncio
import inspect
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import disputatio as dp
from disputatio.models import ScriptedModel
from disputatio.models.weights import smollm2

FOLDER = Path(__file__).parents[1] / "examples"
EXAMPLES = sorted(FOLDER.glob("*.py"))


def example(name: str) -> ModuleType:
    spec = spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def outcome(name: str, *args: Any, **settings: Any) -> Any:
    given = example(name).main(*args, **settings)
    return asyncio.run(given) if inspect.iscoroutine(given) else given


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # what an example writes goes there


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_runs_with_a_scripted_model(path: Path, scripted: ScriptedModel, capsys: pytest.CaptureFixture[str]) -> None:
    outcome(path.stem, scripted)
    assert scripted.requests
    assert capsys.readouterr().out
    assert example(path.stem).__doc__


def test_the_first_debate_writes_its_page(scripted: ScriptedModel) -> None:
    result = outcome("first_debate", scripted)
    assert (result.answer.value, len(result.thoughts)) == ("yes", 6)
    assert "<html" in Path("debate.html").read_text(encoding="utf-8")


def test_the_historian_speaks_first_and_the_farmer_reads_it(scripted: ScriptedModel) -> None:
    result = outcome("own_agent", scripted)
    assert [one.author for one in result.thoughts[:3]] == ["historian", "farmer", "sceptic"]
    assert result.thoughts[0].score == 0.6
    assert "[historian]" in scripted.prompts[1]


def test_debaters_look_up_a_food_by_the_tool_and_speak_from_it() -> None:
    use = '{"use": {"tool": "water", "arguments": {"food": "rice"}}}'
    model = ScriptedModel(lambda prompt: use if "Use: <" in prompt else "Rice drinks much.\nAnswer: yes")
    result = outcome("custom_tool_in_a_debate", model)
    found = [one for one in result.thoughts if one.author == "water"]
    assert [one.text for one in found] == ["2,500 litres a kilogram"] * 2
    assert {one.data["asked_by"] for one in found} == {"farmer", "cook"}
    speeches = [prompt for prompt in model.prompts if "Use: <" not in prompt]
    assert all("2,500 litres a kilogram" in prompt for prompt in speeches)


def test_a_revision_reads_the_draft_and_the_critique(scripted: ScriptedModel) -> None:
    result = outcome("own_strategy", scripted)
    assert [one.author for one in result.thoughts] == ["writer", "critic", "writer"]
    assert "[writer]" in scripted.prompts[2]
    assert "[critic]" in scripted.prompts[2]
    with pytest.raises(dp.ConfigurationError, match="at least 1 revision"):
        example("own_strategy").revise(revisions=0)


def test_each_role_is_asked_at_its_model(scripted: ScriptedModel) -> None:
    judge = ScriptedModel(lambda prompt: "Weighed.\nAnswer: no\nConfidence: 70", name="judge's")
    result = outcome("models_per_role", scripted, others={"judge": judge})
    assert len(judge.requests) == 1
    assert {line.author: line.model for line in result.spent} == {
        "optimist": "scripted",
        "sceptic": "scripted",
        "judge": "judge's",
    }
    assert result.answer.text == "no"


def test_a_strategy_is_a_node_of_an_application(scripted: ScriptedModel) -> None:
    assert outcome("inside_your_graph", scripted)["reply"] == "We refund it."


def test_the_composition_plans_once_and_scores_four_candidates(scripted: ScriptedModel) -> None:
    result = outcome("composition", scripted)
    roles = [line.role for line in result.spent for _ in range(line.usage.calls)]
    assert roles.count("planner") == 1
    assert roles.count("debater") == 4 * 2 * 3
    assert roles.count("verifier") == 4 * 2  # the choice of a tool, and the ruling
    assert result.answer.value == "yes"


def test_the_five_compositions_answer_within_their_calls(scripted: ScriptedModel) -> None:
    results = outcome("five_compositions", scripted)
    calls = {name: (result.answer.value, result.usage.calls) for name, result in results.items()}
    assert calls == {
        "plan, debate, check": ("yes", 5),  # a plan, two who agree at once, a new solution and its check
        "vote of three ways": ("yes", 5),
        "cheap first": ("yes", 3),
        "debate of strategies": ("yes", 12),
        "verified or debated": ("yes", 2),
    }
    assert "1. vote/3. limited/self_consistency" in {one.scope for one in results["debate of strategies"].thoughts}


@pytest.mark.embedded
def test_the_first_debate_runs_on_the_embedded_model() -> None:
    try:
        smollm2()
    except dp.StoreError as error:
        pytest.skip(f"no weights: {error}")
    result = outcome("first_debate", budget=dp.Budget(seconds=15))
    assert result.thoughts
    assert result.stop_reason in ("finished", "deadline", "undecided")
    assert {thought.model for thought in result.thoughts} == {"local"}
