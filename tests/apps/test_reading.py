"""What is typed becomes a question, a panel, models and parameters, or an error that says what to do."""

import pytest

from disputatio.apps import choosing
from disputatio.apps.reading import question_text
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs import CATALOGUE, debate, disputation
from disputatio.graphs.run import run
from disputatio.models.scripted import ScriptedModel
from disputatio.question import Question


def names(*, stances: tuple[str, ...] = (), personas: tuple[str, ...] = ()) -> list[str]:
    panel = choosing.panel(None, stances, personas)
    assert isinstance(panel, list)
    return [agent.name for agent in panel]


@pytest.mark.parametrize(
    ("persona", "name"),
    [
        ("an economist who distrusts forecasts", "Economist"),
        ("The mayor of a small town", "Mayor"),
        ("Anna, 34", "Anna"),
        ("a nurse: tired", "Nurse"),
        ("東京の市長", "東京の市長"),
        ("x" * 200, "X" + "x" * 28 + "…"),
        ("|", "debater 1"),
        ("\x1b[31mthe poet", "Poet"),
    ],
)
def test_a_debater_is_called_after_its_persona(persona: str, name: str) -> None:
    assert names(personas=(persona,)) == [name]


def test_names_are_unique_and_pairs_are_made_in_order() -> None:
    assert names(personas=("a poet", "the poet", "a poet who sings")) == ["Poet", "Poet 2", "Poet 3"]
    assert names(stances=("for", "against"), personas=("a poet",)) == ["Poet", "debater 2"]
    disputation(debaters=choosing.panel(2, ("for", "against"), ("a judge",)) or 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, (), ()), "--debaters is a number from 1, not 0"),
        ((2, ("for",), ()), "contradicts the 1 given"),
        ((None, (" ",), ()), "empty"),
    ],
)
def test_a_panel_that_cannot_be(arguments: tuple[int | None, tuple[str, ...], tuple[str, ...]], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        choosing.panel(*arguments)


def test_models_by_role_and_addresses_with_equals_signs() -> None:
    address = "openai-compatible:http://host/v1?key=a=b#m"
    assert choosing.models([address], debate) == {"default": address}
    given = ["Judge=openai:x", "debater 2=" + address]
    assert choosing.models(given, debate) == {"default": "local", "judge": "openai:x", "debater 2": address}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["jugde=local"], "did you mean 'judge'"),
        (["debatr 1=local"], "did you mean 'debater 1'"),
        (["decide=local"], "unknown role"),
        (["local", "openai:x"], "two models for 'default'"),
    ],
)
def test_models_for_nobody(given: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        choosing.models(given, debate)


@pytest.mark.parametrize("name", CATALOGUE)
async def test_whoever_speaks_can_be_given_a_model(name: str) -> None:
    context = Context({"default": ScriptedModel(lambda _: "Because.\n\nAnswer: yes\nConfidence: 80")})
    result = await run(Question(text="Yes?"), CATALOGUE[name], context)
    assert {line.role for line in result.spent} <= choosing.roles()


def test_parameters_are_read_as_the_strategy_declares_them() -> None:
    given = ["rounds=3", "decision = judge", "until-agreed=yes", "topology=ring", "judge=none", "debaters=2"]
    read = choosing.parameters(debate, given)
    assert read == {
        "rounds": 3,
        "decision": "judge",
        "until_agreed": True,
        "topology": "ring",
        "judge": None,
        "debaters": 2,
    }
    debate(**read)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["rounds"], "NAME=VALUE"),
        (["rouds=3"], "did you mean 'rounds'"),
        (["rounds=three"], "valid integer, not 'three'"),
        (["rounds=1.5"], "valid integer, not '1.5'"),
        (["until_agreed=maybe"], "valid boolean"),
        (["judge=me"], "--model judge=MODEL"),
        (["rounds=1", "rounds=2"], "given twice"),
    ],
)
def test_parameters_that_cannot_be(given: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        choosing.parameters(debate, given)


def test_text_that_is_no_utf8_can_still_be_written_down() -> None:
    assert choosing.question("\udcff?", choices=["\udcff", "b"]).model_dump_json()
    assert question_text("\udcff?") == "\udcff?"
