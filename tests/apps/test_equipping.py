"""--tools and --allow: which agents get tools, what those may do, and who is asked."""

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from disputatio.agents import Debater
from disputatio.apps import equipping
from disputatio.apps.cli import app
from disputatio.apps.screen import Lines, Screen
from disputatio.errors import ConfigurationError
from disputatio.graphs import CATALOGUE, best_of, chain_of_thought, debate, disputation
from disputatio.permission import ALLOWED, Approval
from disputatio.tools import calculator

TOOLS = '''
from disputatio.tools import tool

@tool(access="{access}")
def length(text: str) -> str:
    """Count the letters of a text."""
    return f"it has {{len(text)}} letters"
'''


def tool_file(folder: Path, access: str = "read") -> str:
    path = folder / f"{access}_tools.py"
    path.write_text(TOOLS.format(access=access))
    return str(path)


def replying(prompt: str) -> str:
    if "Use: <" in prompt:
        return '{"use": {"tool": "length", "arguments": {"text": "tea"}}}'
    return "I looked.\nAnswer: yes" if "it has 3 letters" in prompt else "I did not look.\nAnswer: no"


@pytest.mark.parametrize(
    ("access", "options", "answer"),
    [
        ("read", [], "yes"),
        ("network", [], "no"),
        ("network", ["--allow", "network"], "yes"),
        ("write", ["--allow", "network"], "no"),
        ("write", ["--allow", "write"], "yes"),
    ],
)
def test_a_tool_from_a_file_is_used_where_it_is_allowed(
    serve: Any, tmp_path: Path, access: str, options: list[str], answer: str
) -> None:
    arguments = ["solve", "Has tea three letters?", "-s", "chain_of_thought", "-m", serve(replying, structured=False)]
    done = CliRunner().invoke(app, [*arguments, "--tools", tool_file(tmp_path, access), *options])
    assert done.exit_code == 0, done.output
    assert f"Answer: {answer}" in done.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tools", "nowhere.py"], "there is no file 'nowhere.py' with tools"),
        (["--tools", "disputatio.tools:calculator", "--allow", "everything"], "unknown access 'everything'"),
        (["--tools", "disputatio.tools:calculator", "--tools", "{file}"], "two tools are named 'calculator'"),
    ],
)
def test_wrong_options_end_with_one_line(tmp_path: Path, options: list[str], message: str) -> None:
    other = tmp_path / "other.py"
    other.write_text('def calculator(x: int) -> int:\n    "Count."\n    return x\n')
    given = [option.format(file=other) for option in options]
    done = CliRunner().invoke(app, ["solve", "Why?", "-m", "sim:accuracy=0.5", *given])
    assert done.exit_code == 2
    assert message in done.output


def test_those_who_speak_to_the_question_get_the_tools() -> None:
    given = [calculator]
    for strategy in CATALOGUE.values():
        if "tools" in strategy.arguments:
            assert equipping.equipped(strategy, given).arguments["tools"] == given
        elif {"solver", "debaters"} & set(strategy.arguments):
            assert equipping.equipped(strategy, given).calls > strategy.calls
        else:
            with pytest.raises(ConfigurationError, match=f"{strategy.name} has no agents that take tools"):
                equipping.equipped(strategy, given)
    panel = equipping.equipped(debate([Debater("a"), Debater("b", tools=[calculator])], rounds=1), given)
    assert [len(agent.tools) for agent in panel.arguments["debaters"]] == [1, 2]
    assert (panel.arguments["rounds"], panel.calls) == (1, 8)
    whole = equipping.equipped(disputation(2, rounds=1), given)
    assert whole.arguments["verifier"].tools == (calculator,)
    assert [agent.name for agent in whole.arguments["debaters"]] == ["proponent", "opponent"]
    assert equipping.equipped(debate, []) is debate
    with pytest.raises(ConfigurationError, match="best_of has no agents that take tools"):
        equipping.equipped(best_of(chain_of_thought, n=2), given)


def approval(**changed: Any) -> Approval:
    settings: dict[str, Any] = {
        "tool": "send", "access": frozenset(("write",)), "arguments": {"to": "Ann\u202e\x1b[2J"},
        "reason": "it writes", "author": "sol\x1bver",
    }  # fmt: skip
    return Approval(**{**settings, **changed})


def test_a_person_sees_all_of_what_is_asked() -> None:
    asked: list[str] = []
    permission = equipping.permission(["network"], lambda question: not asked.append(question))  # type: ignore[func-returns-value]
    assert (permission.allowed, permission.after_untrusted) == ({*ALLOWED, "network"}, {*ALLOWED, "network"})
    assert permission.approve
    assert permission.approve(approval()) is True
    assert "\x1b" not in asked[0]
    assert r"Ann\u202e\u001b[2J" in asked[0]
    assert "It is asked because it writes." in asked[0]
    assert equipping.permission(["write"]).approve is None
    assert "write" not in equipping.permission(["write"]).after_untrusted


@pytest.mark.parametrize(("typed", "answer"), [("y", True), ("YES ", True), ("", False), ("no", False), (None, False)])
def test_only_yes_is_yes(typed: str | None, answer: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(_: object, prompt: str) -> str:
        assert prompt == "Really? [y/N] "
        if typed is None:
            raise EOFError
        return typed

    monkeypatch.setattr(Console, "input", read)
    with Screen(Console(quiet=True)) as screen:
        assert screen.ask("Really?") is answer
    assert Lines(None).ask("Really?") is False
