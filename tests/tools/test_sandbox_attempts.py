"""No code gets out of a sandbox: every attempt gets through in plain Python, and through no sandbox that is offered."""

import re
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from disputatio.tools import Limits, Sandbox, confinement
from disputatio.tools.sandbox_check import check
from disputatio.tools.sandbox_monty import MontySandbox
from disputatio.tools.sandbox_wasi import WasiSandbox, is_warm

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the attempts are written for Linux")


def beside(name: str) -> ModuleType:
    spec = spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


outside = beside("outside")
attempts = beside("attempts")
ATTEMPTS = [*attempts.OUTWARDS, *(attempts.Attempt(*one) for one in beside("attempts_host").INWARDS)]
TOOLS = Path(confinement.__file__).parent
ONE_LINERS = Path(__file__).with_name("one_liners.txt").read_text(encoding="utf-8").splitlines()
OUTWARDS = [one for one in ATTEMPTS if one in attempts.OUTWARDS or one.name in ("fork bomb", "disk fill")]
"""Those that a process is held back from by what it may touch, and not by limits of time and memory."""
every_attempt = pytest.mark.parametrize("attempt", ATTEMPTS, ids=[f"{one.group}: {one.name}" for one in ATTEMPTS])
LIMITS = Limits(seconds=0.3, memory=128 * 2**20, output=2**16)
NOT_SHOWN = {"door of the host": "plain Python has no such door"}
if Path("/proc/sys/kernel/yama/ptrace_scope").exists():
    NOT_SHOWN["memory of the parent"] = "the kernel may forbid it"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    with outside.outside(tmp_path_factory.mktemp("outside")) as made, pytest.MonkeyPatch.context() as patch:
        patch.setenv(made.variable, made.secret)  # what a sandbox is started from has it, too
        yield made


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("monty"),
        pytest.param("wasi", marks=pytest.mark.sandbox),
        pytest.param("wasi, unconfined", marks=pytest.mark.sandbox),
    ],
)
def sandbox(request: pytest.FixtureRequest, place: object) -> Iterator[Sandbox]:
    if request.param != "monty" and not is_warm():
        pytest.skip("the sandbox wasi is not compiled: make test-sandbox")
    made: Sandbox = MontySandbox() if request.param == "monty" else WasiSandbox(confined="," not in request.param)
    yield made
    made.close()


@pytest.fixture(scope="module")
def _walls(place: object) -> None:
    said = outside.in_confined_python("", place, TOOLS).splitlines()
    if not re.fullmatch(r"walls: Landlock \d+ and seccomp", said[0]):
        pytest.skip(f"this kernel cannot hold a process as the worker of the sandbox wasi is held: {said[0]}")


def test_there_are_as_many_as_were_tried_before() -> None:
    assert (len(ATTEMPTS), len(set(ONE_LINERS))) == (61, 110)


@every_attempt
def test_sandbox_attempt_gets_through_in_plain_python(attempt: "attempts.Attempt", place: "outside.Outside") -> None:
    if attempt.name in NOT_SHOWN:
        pytest.skip(NOT_SHOWN[attempt.name])
    place.renew()
    code = place.fill(attempt.code)
    if attempt.group == "host":
        said, is_right = outside.in_naive_host(code, place)
        assert place.happened(said) or not is_right
    else:
        assert place.happened(outside.in_plain_python(code, place))


@every_attempt
def test_sandbox_holds(attempt: "attempts.Attempt", sandbox: Sandbox, place: "outside.Outside") -> None:
    place.renew()
    result = sandbox.run(place.fill(attempt.code), limits=LIMITS)
    assert place.happened(f"{result.output}\n{result.error}") == []
    assert len(result.output) <= LIMITS.output
    assert "\n" not in result.error
    assert result.seconds < 30
    after = sandbox.run(outside.BENIGN)
    assert (after.output.strip(), after.error) == ("6", ""), "the next one is served as if nothing had been"


@pytest.mark.usefixtures("_walls")
@pytest.mark.parametrize("attempt", OUTWARDS, ids=[f"{one.group}: {one.name}" for one in OUTWARDS])
def test_sandbox_second_wall_holds_alone(attempt: "attempts.Attempt", place: "outside.Outside") -> None:
    """The kernel's half of the sandbox `wasi` holds code that is already out of WebAssembly."""
    place.renew()
    said = outside.in_confined_python(place.fill(attempt.code), place, TOOLS)
    assert place.happened(said) == []
    assert "result: 6" in said.splitlines(), "the process is alive and computes"


@pytest.mark.usefixtures("_walls")
def test_sandbox_second_wall_holds_alone_against_one_liners(place: "outside.Outside") -> None:
    through = []
    for line in ONE_LINERS[::4]:
        place.renew()
        if happened := place.happened(outside.in_confined_python(place.fill(line), place, TOOLS)):
            through.append((line, happened))
    assert through == []


@pytest.mark.parametrize("lines", [ONE_LINERS[::4], pytest.param(ONE_LINERS, marks=pytest.mark.sandbox)], ids=len)
def test_sandbox_one_liners_get_through_in_plain_python(lines: list[str], place: "outside.Outside") -> None:
    held = []
    for line in lines:
        place.renew()
        if not place.happened(outside.in_plain_python(place.fill(line), place)):
            held.append(line)
    assert held == []


def test_sandbox_holds_against_one_liners(sandbox: Sandbox, place: "outside.Outside") -> None:
    through = []
    for line in ONE_LINERS:
        place.renew()
        result = sandbox.run(place.fill(line), limits=LIMITS)
        if happened := place.happened(f"{result.output}\n{result.error}"):
            through.append((line, happened))
        assert sandbox.run(outside.BENIGN).output.strip() == "6"
    assert through == []


def test_sandbox_check_finds_nothing(sandbox: Sandbox) -> None:
    assert check(sandbox) == ""
