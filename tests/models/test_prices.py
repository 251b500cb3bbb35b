"""Money: the price table, what is booked by it, and what it refuses."""

from pathlib import Path
from time import monotonic

import pytest

import disputatio
from disputatio.budget import Budget, Price, Usage
from disputatio.errors import ConfigurationError
from disputatio.gate import Gate, gate_of
from disputatio.graphs import chain_of_thought, debate
from disputatio.models import ScriptedModel, load_model
from disputatio.models.prices import price_of

TABLE = """
["openai:small*"]
prompt = 2.0
completion = 8.0
cached = 0.5
["*"]
prompt = 1.0
completion = 1.0
"""


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(TABLE)
    monkeypatch.setenv("DISPUTATIO_PRICES", str(path))
    return path


def model(name: str = "openai:small-1") -> ScriptedModel:
    return ScriptedModel(lambda prompt: "So.\nAnswer: tea", name=name)


def test_the_first_pattern_that_fits_counts(table: Path) -> None:
    assert price_of("openai:small-1") == Price(2e-6, 8e-6, 0.5e-6)
    assert price_of("openai:other") == Price(1e-6, 1e-6, None)
    assert price_of("local:x.gguf") == Price()
    table.write_text("")
    assert price_of("openai:small-1") is None


def test_cached_tokens_have_their_own_price() -> None:
    usage = Usage(calls=1, prompt_tokens=1000, completion_tokens=100, cached_tokens=400)
    assert Price(2.0, 8.0, 0.5).of(usage) == 600 * 2 + 400 * 0.5 + 100 * 8
    assert Price(2.0, 8.0).of(usage) == 1000 * 2 + 100 * 8


def test_what_a_run_costs_is_in_its_report(table: Path) -> None:
    result = disputatio.solve("Tea?", strategy=chain_of_thought, model=model())
    spent = result.usage
    assert spent.cost == pytest.approx(spent.prompt_tokens * 2e-6 + spent.completion_tokens * 8e-6)
    assert sum(line.usage.cost for line in result.spent) == pytest.approx(spent.cost)
    assert spent.unpriced == 0


def test_an_unknown_price_is_said_and_never_counted_as_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DISPUTATIO_PRICES", str(tmp_path / "none.toml"))
    result = disputatio.solve("Tea?", strategy=debate(2, rounds=1), model=model())
    assert (result.usage.cost, result.usage.unpriced) == (0.0, 2)
    result.show()
    assert "2 calls of unknown price" in capsys.readouterr().out
    with pytest.raises(ConfigurationError, match="no known price"):
        disputatio.solve("Tea?", strategy=debate(2, rounds=1), model=model(), budget=Budget(cost=1.0))


@pytest.mark.parametrize("cost", [0.0004, 0.001, 0.003])
def test_a_budget_of_money_is_not_overspent_by_agents_that_speak_at_once(table: Path, cost: float) -> None:
    result = disputatio.solve("Tea?", strategy=debate(20, rounds=2), model=model(), budget=Budget(cost=cost))
    assert result.usage.cost <= cost
    assert result.stop_reason == "budget"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "not TOML"),
        ('["a"]\nprompt = -1\ncompletion = 1', "wrong at a.prompt"),
        ('["a"]\nprompt = 1', "wrong at a: Value error, a price needs both"),
        ('["a"]\nprompt = nan\ncompletion = 1', "wrong at a.prompt"),
        ('["a"]\nprompt = 1\ncompletion = 1\nfree = true', "wrong at a.free"),
    ],
)
def test_a_table_that_is_wrong_is_refused_before_anything_is_spent(table: Path, text: str, message: str) -> None:
    table.write_text(text)
    asked = model()
    with pytest.raises(ConfigurationError, match=message):
        disputatio.solve("Tea?", strategy=chain_of_thought, model=asked)
    assert not asked.requests


def test_a_role_spends_no_more_than_its_own_budget() -> None:
    asked = model()
    result = disputatio.solve(
        "Tea?", strategy=debate(3, rounds=3), model=asked, budgets={"debater 2": Budget(calls=1)}, at_once=2
    )
    said = [thought.author for thought in result.thoughts]
    assert [said.count(f"debater {seat}") for seat in (1, 2, 3)] == [3, 1, 3]
    assert (result.answer.value, result.stop_reason) == ("tea", "finished")


def test_at_once_is_a_number_above_nothing() -> None:
    with pytest.raises(ConfigurationError, match="above 0"):
        disputatio.solve("Tea?", strategy=chain_of_thought, model=model(), at_once=0)


def test_what_a_server_allows_is_in_the_table_too(table: Path) -> None:
    url = "http://127.0.0.1:9/v1"
    limits = "calls_per_minute = 60\ntokens_per_minute = 90_000\nat_once = 3"
    table.write_text(f'["openai-compatible:*"]\n{limits}\n[local]\n{limits}')
    for name in (f"openai-compatible:{url}#a", f"openai-compatible:{url}#b"):  # one server, one gate
        gate = load_model(name).gate  # type: ignore[attr-defined]
        assert (gate.most, gate.limit, gate.per_minute, gate.tokens_per_minute) == (3, 3, 60, 90_000)
    assert gate is gate_of(url)
    assert price_of(f"openai-compatible:{url}#a") is None


async def test_a_run_spends_no_more_tokens_than_the_server_allows(table: Path) -> None:
    asked = model()
    asked.gate = Gate(tokens_per_minute=600_000)  # type: ignore[attr-defined]
    begun = monotonic()
    result = await disputatio.asolve("Tea?", strategy=debate(5, rounds=2), model=asked)
    least = (result.usage.tokens - max(one.usage.tokens for one in result.thoughts)) / 10_000
    assert monotonic() - begun >= least * 0.99
