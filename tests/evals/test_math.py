"""Mathematics: equal values are equal however they are written, and no LaTeX stops the scorer."""

from importlib import import_module

import pytest

from disputatio.evals import Item, Score, score
from disputatio.question import Question
from disputatio.thought import Answer

pytest.importorskip("math_verify", reason="the extra eval is not installed")
OPEN = Question(text="What is it?")


def compared(text: str, target: str) -> Score:
    item = Item(id="1", question=OPEN, target=target, scorer="math")
    return score(item, Answer(text=text, value=OPEN.canonical(text)))


@pytest.mark.parametrize(
    ("text", "target", "value"),
    [
        (r"\frac{1}{2}", r"\dfrac12", 1),
        ("0.5", r"\frac{1}{2}", 1),
        ("$x^2 + 2x + 1$", "(x+1)^2", 1),
        (r"\boxed{2\sqrt{2}}", r"\sqrt{8}", 1),
        (r"so the answer is $\boxed{\frac{3}{4}}$.", r"\frac34", 1),
        ("3, 1, 2", "1,2,3", 1),
        ("east", r"\text{east}", 1),
        ("5 cm", "5", 1),
        ("x = 5", "5", 1),
        ("6", "5", 0),
        ("(2, 1)", "(1, 2)", 0),
        ("1 2", "12", 0),
        ("5 or 6", "5", 0),
        ("either $5$ or $6$", "5", 0),
        ("A", "5", 0),
        ("None", "5", 0),
        ("", "5", None),
        ("$$", "5", None),
        ("1" * 100_000, "5", None),
        (r"\boxed{" * 1000, "5", None),
        (r"\input{/etc/passwd}", "5", 0),
        ("__import__('os').system('touch pwned')", "5", 0),
        ("((((" * 20, "5", None),
    ],
)
def test_values(text: str, target: str, value: float | None) -> None:
    assert compared(text, target).value == value


def test_what_algebra_never_ends_on_is_given_up_and_the_next_one_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    math = import_module("disputatio.evals.scorers.latex")
    worker = math._Worker()
    monkeypatch.setattr(math, "_worker", lambda: worker)
    monkeypatch.setattr(math, "SECONDS", 1)  # a process has the limit of its start
    assert compared("9^{9^{9^{9}}}", "5").status == "unscorable"
    monkeypatch.setattr(math, "SECONDS", 60)
    assert compared("10/2", "5").value == 1
    worker.close()
