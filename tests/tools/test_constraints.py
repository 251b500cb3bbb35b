"""Constraints and SMT-LIB: models, cores, optima, and scripts that would do more than declare and assert."""

from fractions import Fraction
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disputatio.errors import ToolError
from disputatio.tools import answer_sets, constraints, smt
from disputatio.tools.constraints import Constraints
from disputatio.tools.smt import read_script, solve

z3 = pytest.importorskip("z3", reason="needs the extra logic")
clingo = pytest.importorskip("clingo", reason="needs the extra logic")


def test_a_core_names_the_lines_that_contradict_and_no_others() -> None:
    found = constraints("x: int\ny: int\nx > 3\nx < 2\ny == 1")
    assert found == {"status": "unsat", "contradictory": ["x > 3", "x < 2"]}


def test_two_models_are_told_from_one() -> None:
    two = constraints("x: int(1, 3)\nx != 2")
    assert (two["models"], two["all_models"]) == ([{"x": "1"}, {"x": "3"}], True)
    one = constraints("x: real\ny: real\nx + y == 10\nx - y == 2")
    assert (one["model"], one["only_model"]) == ({"x": "6", "y": "4"}, True)
    free = constraints("x: int\ny: int\nx == 1")
    assert (free["any_value"], "only_model" in free) == (["y"], False)


def test_the_smallest_repair_comes_before_the_likeliest() -> None:
    # Read as 2 + 3 = 6. Each single repair is possible, so the likeliest of them is taken, and no double one.
    program = """
a: int(2, 3)
b: int(3, 4)
c: int(5, 6)
a + b == c
minimize(count(a != 2, b != 3, c != 6))
maximize(0.30 * count(a == 3) + 0.25 * count(b == 4) + 0.45 * count(c == 5))"""
    found = constraints(program)
    assert (found["model"], found["optimum"]) == ({"a": "2", "b": "3", "c": "5"}, ["1", "9/20"])


def test_optima_that_are_not_reached_are_said_to_be_none() -> None:
    assert constraints("x: real\nx > 10\nmaximize(x)")["optimum"] == ["oo"]
    assert "epsilon" in constraints("x: real\nx < 10\nmaximize(x)")["optimum"][0]
    assert constraints("x: int\nx < 1\nx > 1\nmaximize(x)")["contradictory"] == ["x < 1", "x > 1"]


def test_a_puzzle_has_its_one_solution() -> None:
    letters = "SENDMORY"
    program = "\n".join(f"{one}: int({1 if one in 'SM' else 0}, 9)" for one in letters)
    word = {name: " + ".join(f"{10 ** (len(name) - n - 1)}*{c}" for n, c in enumerate(name)) for name in
            ("SEND", "MORE", "MONEY")}  # fmt: skip
    found = constraints(
        f"{program}\ndistinct({', '.join(letters)})\n{word['SEND']} + {word['MORE']} == {word['MONEY']}"
    )
    assert found["only_model"]
    assert "".join(found["model"][one] for one in "SENDMORY") == "95671082"


REFUSED = [
    ("import os", "neither a declaration nor a condition"),
    ("x: int\n__import__('os')", "not in the language"),
    ("x: int\nx.real == 1", "not in the language"),
    ("x: int\nx = 3", "write == for equality"),
    ("x: int\ny == 3", "'y' is not declared; declared: x"),
    ("x: int\nx / 0 == 1", "divides by zero"),
    ("x: int\n1 / x == 1", "divide by a number"),
    ("x: int\nx % -2 == 1", "whole number above 0"),
    ("x: int\nx ** 99 == 1", "powers from 0 to 8"),
    ("x: bool\nx == 1", "different types"),
    ("x: int\nx + 1", "where a condition is needed"),
    ("x: {red, green}\ny: {red, blue}", "names that nothing else has"),
    ("x: int\nx: int", "it is taken"),
    ("x: list", "is no type"),
    ("x: int\nx == 1e999", "too large"),
    ("x: int\n" + "+".join("x" * 3000) + " == 1", "cannot be read"),
    ("x: int\n" + "abs(" * 70 + "x" + ")" * 70 + " == 1", "nested over"),
]


@pytest.mark.parametrize(("program", "why"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_not_in_the_language_is_refused_in_one_line(program: str, why: str) -> None:
    with pytest.raises(ToolError, match=why) as caught:
        constraints(program)
    assert "\n" not in str(caught.value)


def test_nesting_does_not_make_terms_explode() -> None:
    deep = "x"
    for _ in range(15):
        deep = f"max(abs(({deep})**3), x if {deep.count('(') % 2} == 1 else 2)"
    made = Constraints().add(f"x: int\n{deep} == 3")
    assert len(made.conditions[0][1]) < 5000


def test_a_script_that_writes_a_file_is_refused_and_z3_alone_would_write_it(tmp_path: Path) -> None:
    target = tmp_path / "out"
    script = f'(set-option :regular-output-channel "{target}")(echo "hi")(declare-const x Int)(assert (> x 1))'
    z3.Solver().from_string(script)
    assert target.exists(), "the attack is real"
    target.unlink()
    for hidden in (script, script.replace("(echo", "; \n(echo"), f'(assert (= "a" "{script}"))', "(echo |x|)"):
        with pytest.raises(ToolError):
            smt(hidden)
    assert not target.exists()


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("(eval 1)", "command 'eval' is not allowed"),
        ("(assert (> x 1))", "unknown constant x"),
        ("(assert", "not closed"),
        (")", "not opened"),
        ("x", "list of commands"),
        ("(" * 100, "over 60 brackets"),
        (f"(assert (> {'9' * 500} 1))", "over 400 digits"),
        (" " * 60_000, "at most 50000 fit"),
        ('(assert "', "cannot be read"),
    ],
)
def test_scripts_that_cannot_be_used_are_refused(script: str, why: str) -> None:
    with pytest.raises(ToolError, match=why):
        smt(script)


def test_comments_do_not_swallow_what_follows_them() -> None:
    read = read_script("(declare-const x Int) ; one\n(assert (> x ; two\n 1))")
    assert (read.declared, read.asserted) == (["(declare-const x Int)"], ["(assert (> x 1))"])


def test_functions_and_sorts_are_solved_but_not_called_the_only_model() -> None:
    found = smt("(declare-fun f (Int) Int)(assert (= (f 1) 2))", models=2)
    assert found["status"] == "sat"
    assert "only_model" not in found


def test_a_hard_problem_is_unknown_in_time() -> None:
    cubes = "(assert (= (+ (* x x x) (* y y y) (* z z z)) 114))"
    read = read_script("".join(f"(declare-const {name} Int)" for name in "xyz") + cubes)
    assert solve(read, seconds=1).status == "unknown"


@st.composite
def small_programs(draw: st.DrawFn) -> list[str]:
    term = st.sampled_from(
        ["a", "b", "c", "a + b", "b - c", "2 * a", "a * c", "abs(b)", "max(a, c)", "b % 2", "c // 2"]
    )
    sign = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
    atom = st.builds(lambda left, op, right: f"({left} {op} {right})", term, sign, term)
    whole = st.recursive(
        atom,
        lambda inner: st.one_of(
            st.builds("({} and {})".format, inner, inner),
            st.builds("({} or {})".format, inner, inner),
            st.builds("(not {})".format, inner),
            st.builds("implies({}, {})".format, inner, inner),
        ),
        max_leaves=4,
    )
    return draw(st.lists(whole, min_size=1, max_size=3))


@settings(max_examples=12)
@given(small_programs())
def test_the_models_are_those_of_brute_force(lines: list[str]) -> None:
    names = {"abs": abs, "max": max, "implies": lambda a, b: (not a) or b}
    whole = range(-1, 3)
    expected = {
        values
        for values in product(whole, repeat=3)
        if all(eval(line, {**names, **dict(zip("abc", values, strict=True))}) for line in lines)
    }
    made = Constraints().add("a: int(-1, 2)\nb: int(-1, 2)\nc: int(-1, 2)").add("\n".join(lines), declares=False)
    found = made.solved(models=50)
    assert found.status == ("sat" if expected else "unsat")
    models = {tuple(int(Fraction(one[name])) for name in "abc") for one in found.models}
    assert models <= expected
    assert len(models) == min(50, len(expected)) == len(found.models)
    assert found.complete == (len(expected) <= 50)


def test_answer_sets_are_found_and_optimised() -> None:
    both = answer_sets("a :- not b. b :- not a.")
    assert sorted(one["atoms"] for one in both["answer_sets"]) == ["a", "b"]
    assert both["all_shown"]
    assert not answer_sets("a. :- a.")["satisfiable"]
    best = answer_sets("1 {in(X) : node(X)} 2. node(1..3). #maximize {X : in(X)}. #show in/1.")
    assert best["answer_sets"] == [{"atoms": "in(2) in(3)", "cost": [-5]}]
    assert len(answer_sets("{a(1..9)}.", sets=3)["answer_sets"]) == 3


def test_a_program_that_reads_files_is_refused_and_clingo_alone_would_read_them(tmp_path: Path) -> None:
    (tmp_path / "secret.lp").write_text("secret(42).", encoding="utf-8")
    program = f'#include "{tmp_path / "secret.lp"}".'
    control = clingo.Control()
    control.add("base", [], program)
    control.ground([("base", [])])
    assert "secret(42)" in [str(atom.symbol) for atom in control.symbolic_atoms], "the attack is real"
    for hidden in (
        program,
        f"% {program}",
        f'a("{program}").',
        "#script (python)\nimport os\n#end.",
        "#script(lua)#end.",
    ):
        with pytest.raises(ToolError, match="is not allowed"):
            answer_sets(hidden)


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("a(", "syntax error"),
        ("a(X) :- b.", "unsafe"),
        ("n(0). n(X+1) :- n(X).", "ground rules"),
        ("a(99999999999).", "over 9 digits"),
        ("a." * 20_000, "at most 20000 fit"),
    ],
)
def test_programs_that_cannot_be_solved_are_errors(program: str, why: str) -> None:
    with pytest.raises(ToolError, match=why):
        answer_sets(program)
