"""Algebra: exact results, and text that must never be evaluated or go on for ever."""

import ast
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disputatio.errors import MissingExtraError, ToolError
from disputatio.tools import algebra, own_process
from disputatio.tools.algebra import KNOWN, tree_of
from disputatio.tools.own_process import in_own_process

pytest.importorskip("sympy", reason="needs the extra logic")

EXACT = {
    "solve(x**2 == 2, x)": "[-sqrt(2), sqrt(2)]",
    "solve([x + y == 10, x - y == 2], [x, y])": "{x: 6, y: 4}",
    "f = x*exp(x)\ndiff(f, x, 2)": "(x + 2)*exp(x)",
    "integrate(exp(-x**2), (x, -oo, oo))": "sqrt(pi)  (about 1.77245385090552)",
    "limit(sin(x)/x, x, 0)": "1",
    "inverse(matrix([[1, 2], [3, 4]]))": "[[-2, 1], [3/2, -1/2]]",
    "eigenvalues(matrix([[2, 1], [1, 2]]))": "{3: 1, 1: 1}",
    "primefactors(360)": "{2: 3, 3: 2, 5: 1}",
    "0.1 + 0.2": "3/10",
    "mod(-7, 3)": "2",
}


def test_results_are_exact() -> None:
    named = [one for one in EXACT if "\n" not in one and "about" not in EXACT[one]]
    assert algebra(f"[{', '.join(named)}]") == f"[{', '.join(EXACT[one] for one in named)}]"
    for one in set(EXACT) - set(named):
        assert algebra(one) == EXACT[one]


REFUSED = {
    "__import__('os').system('touch /tmp/x')": "no mathematics",
    "x.__class__.__mro__": "no mathematics",
    "(lambda: 1)()": "no mathematics",
    "exec('1')": "there is no function 'exec'",
    "sympify('1')": "there is no function 'sympify'",
    "[x for x in [1]]": "no mathematics",
    "'text'": "no mathematics",
    "f'{x}'": "no mathematics",
    "solve": "is a function",
    "import os": "the expression that is wanted",
    "import os\nx": "lines before the last give names",
    "sin = 3\nsin": "lines before the last give names",
    "1 / 0": "divides by zero",
    "(" * 300 + "1" + ")" * 300: "cannot be read",
    "-" * 5000 + "1": "cannot be read",
    "-(" * 70 + "x" + ")" * 70: "nested over 60 levels",
    "x" * 9000: "at most 8000 fit",
    "9" * 500: "over 400 digits",
    "": "is empty",
    "a = [x, x]\n" + "\n".join(f"{n} = [{m}, {m}]" for m, n in zip("abcdefghijklmnop", "bcdefghijklmnopq", strict=True))
    + "\nq": "gets too long",
}  # fmt: skip


@pytest.mark.parametrize("expression", REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_mathematics_is_refused_before_it_reaches_sympy(
    expression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*args: object, **kwargs: object) -> None:
        raise AssertionError("handed over")

    monkeypatch.setattr(import_module("disputatio.tools.algebra"), "in_own_process", never)
    with pytest.raises(ToolError, match=REFUSED[expression]) as caught:
        algebra(expression)
    assert "\n" not in str(caught.value)


def test_an_unprotected_parser_would_have_run_the_code(tmp_path: Path) -> None:
    sympy = import_module("sympy")
    planted = tmp_path / "planted"
    text = f"__import__('pathlib').Path({str(planted)!r}).touch()"
    with suppress(sympy.SympifyError, TypeError, AttributeError):
        sympy.sympify(text)
    assert planted.exists(), "the attack is real"
    planted.unlink()
    with pytest.raises(ToolError):
        algebra(text)
    assert not planted.exists()


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("9**9**9", "number gets too long"),
        ("factorial(10**9)", "larger than 3000"),
        ("binomial(10**8, 10**7)", "larger than 3000"),
        ("matrix([[1, 2], [3]])", "rows of one length"),
        ("det(3)", "cannot be applied"),
        ("isprime(1/2)", "whole number is needed"),
        ("modinverse(2, 4)", "not invertible"),
    ],
)
def test_work_that_is_too_much_or_makes_no_sense_is_an_error_for_the_model(expression: str, why: str) -> None:
    with pytest.raises(ToolError, match=why):
        algebra(expression)


def test_work_that_does_not_end_is_killed() -> None:
    tree = tree_of("expand((x + 1)**100000)")
    with pytest.raises(ToolError, match=r"longer than 0\.5 s and was stopped") as caught:
        in_own_process("sympy", "algebra", {"tree": tree}, seconds=0.5)
    assert caught.value.fault == "timeout"


def test_the_worker_gets_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hunter2")
    seen: dict[str, object] = {}
    plain = own_process.subprocess.run

    def watched(*args: object, **kwargs: object) -> object:
        seen.update(kwargs)
        return plain(*args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(own_process.subprocess, "run", watched)
    assert algebra("1 + x - x") == "1"
    assert "SECRET_KEY" not in seen["env"]  # type: ignore[operator]


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    runner = Path(own_process._RUNNER)
    (tmp_path / "runner.py").write_text(runner.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "absent.py").write_text("import a_library_that_nobody_has\n", encoding="utf-8")
    monkeypatch.setattr(own_process, "_RUNNER", tmp_path / "runner.py")
    with pytest.raises(MissingExtraError, match=r"pip install 'disputatio\[logic\]'"):
        in_own_process("a_library_that_nobody_has", "absent", {})


def test_the_worker_knows_all_that_may_be_called() -> None:
    path = Path(own_process._RUNNER).with_name("algebra.py")
    spec = import_module("importlib.util").spec_from_file_location("worker_of_algebra", path)
    worker = import_module("importlib.util").module_from_spec(spec)
    spec.loader.exec_module(worker)
    assert set(worker.TABLE) >= KNOWN
    signs = set(worker.TABLE) - KNOWN
    assert signs == {"+", "-", "*", "/", "**", "==", "!=", "<", "<=", ">", ">="}


@settings(max_examples=300)
@given(st.text(alphabet="x1+*()[]=,.'\"_ \n:;{}lambdsionv0", max_size=60))
def test_any_text_is_a_tree_of_listed_things_or_a_tool_error(text: str) -> None:
    try:
        tree = tree_of(text)
    except ToolError:
        return
    stack = [tree]
    while stack:
        kind, *rest = stack.pop()
        assert kind in ("number", "symbol", "list", "call")
        if kind == "call":
            assert rest[0] in KNOWN or rest[0] in ("+", "-", "*", "/", "**", "==", "!=", "<", "<=", ">", ">=")
        stack += rest[-1] if kind in ("list", "call") else []
    ast.parse(text.strip())
