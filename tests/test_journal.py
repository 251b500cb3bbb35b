"""The journal: what is written down, what is taken from it, and what a replay comes to."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import disputatio as dp
from disputatio.agents import Solver, Verifier
from disputatio.budget import Budget, Usage
from disputatio.context import Said, Spoken
from disputatio.errors import ConfigurationError, ModelError, ModelUnavailableError, StoreError
from disputatio.failures import Failure
from disputatio.graphs import CATALOGUE, best_of, chain_of_thought, debate, disputation, self_consistency, sequence
from disputatio.graphs.run import prepare, run
from disputatio.journal import Journal
from disputatio.journal_file import CallLine, JournalFile, RunLine, parse, read
from disputatio.model import Model, Profile, Reply, Request, TokenLogprob, ToolCall
from disputatio.models import ScriptedModel
from disputatio.question import Question
from disputatio.result import Result
from disputatio.strategies import Strategy
from disputatio.tools import calculator, tool

STRATEGIES: dict[str, Strategy[...]] = {
    **CATALOGUE,
    "best_of": best_of(debate(3), n=3),
    "tools": best_of(chain_of_thought, n=2, by=Verifier(tools=[calculator])),
    "nested": sequence(best_of(sequence(Solver(), self_consistency(samples=3)), n=2), disputation(2)),
}


@dataclass
class Jittery:
    """Takes its time at random, and says something else each time."""

    reply: Callable[[str], str]
    structure: Any = "native"
    name: str = "jittery"
    fail_at: int | None = None
    asked: int = 0
    random: Random = field(default_factory=Random)

    @property
    def profile(self) -> Profile:
        return Profile(structure=self.structure)

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        self.asked += 1
        mine = self.asked
        await asyncio.sleep(self.random.uniform(0, 0.004))
        if mine == self.fail_at:
            raise ModelError("no more", fault="quota", status=402)
        prompt = "\n\n".join(message["content"] for message in request.messages)
        text = f"Thought {self.random.random()}.\n{self.reply(prompt)}"
        usage = Usage(calls=1, prompt_tokens=len(prompt), completion_tokens=self.random.randrange(99))
        return Reply(text=text, usage=usage)


def answering(prompt: str) -> str:
    if "Use: <" in prompt:
        return '{"use": {"tool": "calculator", "arguments": {"expression": "2 + 2"}}}'
    fields = "Claims:\n1. proponent: two is even\nVerdict: supported\nScore: 60\nAnother round: yes\n"
    return f"{fields}Answer: 4\nConfidence: 80"


def json_of(result: Result) -> str:
    return result.model_dump_json()


def replayed(path: Path, strategy: Strategy[...], **settings: Any) -> Result:
    return dp.solve("2 + 2?", strategy=strategy, journal=Journal(path, replay=True), **settings)


@pytest.mark.parametrize("structure", ["native", "two_step", "prompted"])
@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_a_replay_gives_the_same_bytes_and_asks_no_model(
    strategy: Strategy[...], structure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPUTATIO_PRICES", str(tmp_path / "prices.toml"))
    (tmp_path / "prices.toml").write_text("[jittery]\nprompt = 0.3\ncompletion = 0.7\n")
    path, model = tmp_path / "run.jsonl", Jittery(answering, structure)
    result = dp.solve("2 + 2?", strategy=strategy, model=model, seed=7, temperature=1.0, journal=path)
    asked, content = model.asked, path.read_bytes()
    assert asked == result.usage.calls > 0 < result.usage.cost
    for _ in range(2):
        events: list[Any] = []
        assert json_of(replayed(path, strategy, on_event=events.append)) == json_of(result)
        assert {one.thought.id for one in events if isinstance(one, Said)} == {one.id for one in result.thoughts}
        assert any(isinstance(one, Spoken) for one in events)
    assert (model.asked, path.read_bytes()) == (asked, content)


@pytest.mark.parametrize("limit", [Budget(calls=3), Budget(tokens=2500), Budget(seconds=0.006), Budget(seconds=1e-9)])
def test_a_run_that_was_cut_short_is_replayed_as_it_was(limit: Budget, tmp_path: Path) -> None:
    path, strategy = tmp_path / "run.jsonl", debate(3, rounds=2)
    result = dp.solve("2 + 2?", strategy=strategy, model=Jittery(answering), budget=limit, journal=path)
    assert json_of(replayed(path, strategy)) == json_of(result)
    assert result.stop_reason in ("budget", "deadline")


@pytest.mark.parametrize("fail_at", [1, 2, 4, 6])
def test_a_run_that_failed_is_replayed_with_its_error_and_what_it_had(fail_at: int, tmp_path: Path) -> None:
    path, strategy = tmp_path / "run.jsonl", debate(3, rounds=3)
    with pytest.raises(ModelError) as first:
        dp.solve("2 + 2?", strategy=strategy, model=Jittery(answering, fail_at=fail_at), journal=path)
    with pytest.raises(ModelError) as second:
        replayed(path, strategy)
    assert (str(second.value), second.value.fault, second.value.status) == ("no more", "quota", 402)
    assert first.value.result
    assert second.value.result
    assert json_of(second.value.result) == json_of(first.value.result)


@pytest.mark.parametrize("fail_at", [2, 5])
def test_a_resumed_run_pays_nothing_twice_and_its_journal_is_replayed(fail_at: int, tmp_path: Path) -> None:
    path, strategy = tmp_path / "run.jsonl", debate(3, rounds=2)
    broken = Jittery(answering, fail_at=fail_at)
    with pytest.raises(ModelError):
        dp.solve("2 + 2?", strategy=strategy, model=broken, seed=1, journal=path)
    known = sum(isinstance(one, CallLine) and one.failure is None for one in read(path))
    model, journal = Jittery(answering), Journal(path)
    result = dp.solve("2 + 2?", strategy=strategy, model=model, seed=1, journal=journal)
    assert (model.asked, journal.taken, result.usage.calls) == (6 - known, known, 6)
    assert json_of(replayed(path, strategy)) == json_of(result)
    again = dp.solve("2 + 2?", strategy=strategy, model=model, seed=1, journal=path)
    assert (model.asked, again.run_id, again.usage) == (6 - known, result.run_id, result.usage)


def test_what_a_cut_off_call_cost_is_booked_when_its_run_goes_on(tmp_path: Path) -> None:
    class Slow(ScriptedModel):
        async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
            await asyncio.sleep(60)
            raise AssertionError

    path = tmp_path / "run.jsonl"
    cut = dp.solve("2 + 2?", strategy="chain_of_thought", model=Slow(answering), budget=Budget(seconds=0.5),
                   journal=path)  # fmt: skip
    assert (cut.usage.calls, cut.usage.estimated, cut.stop_reason) == (1, True, "deadline")
    result = dp.solve("2 + 2?", strategy="chain_of_thought", model=ScriptedModel(answering), journal=path)
    assert (result.usage.calls, result.answer.value, result.stop_reason) == (2, "4", "finished")
    assert json_of(replayed(path, CATALOGUE["chain_of_thought"])) == json_of(result)


def test_tools_are_not_used_again(tmp_path: Path) -> None:
    used = []

    @tool
    def dice(sides: int) -> int:
        """Throw one die."""
        used.append(sides)
        return len(used)

    def reply(prompt: str) -> str:
        return '{"use": {"tool": "dice", "arguments": {"sides": 6}}}' if "Use: <" in prompt else "Answer: 4"

    path, strategy = tmp_path / "run.jsonl", sequence(Verifier(tools=[dice]), chain_of_thought)
    result = dp.solve("2 + 2?", strategy=strategy, model=ScriptedModel(reply), journal=path)
    assert [one.text for one in result.thoughts if one.role == "tool"] == ["1"]
    assert json_of(replayed(path, strategy)) == json_of(result)
    assert used == [6]


def test_the_first_call_that_differs_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    strategy = sequence(Solver("ann", instruction="Think of apples."), Solver("bob"))
    dp.solve("2 + 2?", strategy=strategy, model=ScriptedModel(answering), journal=path)
    changed = sequence(Solver("ann", instruction="Think of pears."), Solver("bob"))
    with pytest.raises(ConfigurationError, match=r"ann, round 0, call 1: -Think of apples\.; \+Think of pears\."):
        replayed(path, changed)
    for question, what in (("Why?", "another question: '2 \\+ 2\\?', not 'Why\\?'"), ("2 + 2?", "another strategy")):
        with pytest.raises(ConfigurationError, match=what):
            dp.solve(question, strategy="debate", journal=path)
    with pytest.raises(ConfigurationError, match="another seed: None, not 3"):
        dp.solve("2 + 2?", strategy=strategy, model=ScriptedModel(answering), seed=3, journal=path)


def test_a_recorded_call_that_is_not_made_again_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    dp.solve("2 + 2?", strategy="chain_of_thought", model=ScriptedModel(answering), journal=path)
    lines = path.read_text().splitlines()
    [call] = [json.loads(line) for line in lines if '"line":"call"' in line]
    lines.insert(3, json.dumps(call | {"author": "eve"}))
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(ConfigurationError, match="not made again: eve, round 0, call 1"):
        replayed(path, CATALOGUE["chain_of_thought"])


def test_what_is_written_of_a_call(tmp_path: Path) -> None:
    class Busy(ScriptedModel):
        async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
            if not self.requests:
                self.requests.append(request)
                raise ModelUnavailableError("busy", fault="rate_limited")
            return await super().complete(request, on_text)

    path = tmp_path / "run.jsonl"
    dp.solve("2 + 2?", strategy="chain_of_thought", model=Busy(answering), seed=5, journal=path)
    run_, model, call, end = (json.loads(line) for line in path.read_text().splitlines())
    assert (run_["question"]["text"], run_["settings"]["seed"], model["names"]) == ("2 + 2?", 5, ["scripted"])
    assert {name: call.get(name) for name in ("author", "round", "step", "name", "attempts", "usage")} == {
        "author": "solver", "round": 0, "step": 0, "name": "scripted", "attempts": 2,
        "usage": call["reply"]["usage"],
    }  # fmt: skip
    assert call["request"]["messages"][1]["content"].startswith("Question: 2 + 2?")
    assert end["spent"] == [["solver", "solver", 0, "scripted"]]
    assert path.stat().st_mode & 0o077 == 0


def recorded(path: Path) -> bytes:
    dp.solve("2 + 2?", strategy="chain_of_thought", model=ScriptedModel(answering), journal=path)
    return path.read_bytes()


def test_a_file_that_is_torn_at_any_byte_is_gone_on_from(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    whole = recorded(path)
    ends = [place + 1 for place, byte in enumerate(whole) if byte == 10]
    for length in range(len(whole) + 1):
        lines, kept = parse(whole[:length], "it")
        complete = sum(end <= length + 1 for end in ends)  # a line that only lacks its end is complete
        assert (len(lines), kept) == (complete, min(length, ends[complete - 1]) if complete else 0)
    for length in {0, 1, 9, ends[0] - 1, ends[0], ends[1] + 40, ends[2] - 1, ends[2], len(whole) - 2}:
        path.write_bytes(whole[:length])
        model = ScriptedModel(answering)
        result = dp.solve("2 + 2?", strategy="chain_of_thought", model=model, journal=path)
        assert len(model.requests) == (0 if length >= ends[2] - 1 else 1)
        assert json_of(replayed(path, CATALOGUE["chain_of_thought"])) == json_of(result)


@pytest.mark.parametrize(
    "damage",
    [
        b"nonsense\n",
        b"\n",
        b"{}\n",
        b'{"line":"call"}\n',
        b'{"line":"other"}\n',
        b'{"line":"run"\n',
        b"[" * 10_000,
        b"x",
    ],
)
def test_a_damaged_line_is_an_error_and_the_file_is_left_alone(damage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    whole = recorded(path)
    first, rest = whole.split(b"\n", 1)
    for content in (first + b"\n" + damage.rstrip(b"\n") + b"\n" + rest, damage, whole + damage):
        path.write_bytes(content)
        for journal in (Journal(path), Journal(path, replay=True)):
            with pytest.raises(StoreError, match=r"is damaged: line \d+ is no line of a journal"):
                dp.solve("2 + 2?", strategy="chain_of_thought", model=ScriptedModel(answering), journal=journal)
        assert path.read_bytes() == content


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    ended = recorded(tmp_path / "run.jsonl").rsplit(b"\n", 2)[0] + b"\n"
    (tmp_path / "open.jsonl").write_bytes(ended)
    (tmp_path / "empty.jsonl").write_bytes(b"")
    for name, message in (
        ("none.jsonl", "cannot read the journal"),
        ("empty.jsonl", "holds no run"),
        ("open.jsonl", "did not end"),
    ):
        with pytest.raises(StoreError, match=message):
            replayed(tmp_path / name, CATALOGUE["chain_of_thought"])
    with pytest.raises(StoreError, match="cannot write the journal"):
        dp.solve("2 + 2?", strategy="chain_of_thought", model=ScriptedModel(answering), journal=tmp_path)


async def test_two_runs_cannot_write_one_journal(tmp_path: Path) -> None:
    path, strategy = tmp_path / "run.jsonl", CATALOGUE["chain_of_thought"]
    other = JournalFile(path)
    other.open()
    question = Question(text="2 + 2?")
    with pytest.raises(StoreError, match="is being written by another run"):
        await run(question, strategy, prepare(model=ScriptedModel(answering), journal=path))
    other.close()
    await run(question, strategy, prepare(model=ScriptedModel(answering), journal=path))


KILLED = """\
import os, signal, sys
import disputatio as dp
from disputatio.models import ScriptedModel

def reply(prompt):
    if len(model.requests) == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return "Answer: 4"

model = ScriptedModel(reply)
dp.solve("2 + 2?", strategy="debate", model=model, journal=sys.argv[1])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
def test_a_run_that_was_killed_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    model = ScriptedModel(lambda prompt: "Answer: 4")
    result = dp.solve("2 + 2?", strategy="debate", model=model, journal=path)
    assert (len(model.requests), result.usage.calls) == (result.usage.calls - 3, CATALOGUE["debate"].calls)


texts = st.text(st.characters())
numbers = st.floats(allow_nan=False)
logprobs = st.builds(TokenLogprob, token=texts, logprob=numbers, top=st.tuples(st.tuples(texts, numbers)))
tool_calls = st.builds(ToolCall, id=texts, name=texts, arguments=texts)
usages = st.builds(Usage, calls=st.integers(0, 9), prompt_tokens=st.integers(0, 10**9), hits=st.integers(0, 3))
said = st.builds(
    Reply, text=texts, usage=usages, finish_reason=texts, others=st.tuples(texts), reasoning=texts, refusal=texts,
    logprobs=st.tuples(logprobs), tool_calls=st.tuples(tool_calls),
)  # fmt: skip
names = st.text()  # without halves of surrogate pairs, which pydantic writes as question marks in keys
finite = st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(st.none() | st.booleans() | st.integers() | finite | texts, st.lists, max_leaves=4)
lines = st.builds(
    CallLine, kind=st.sampled_from(["model", "tool"]), author=texts, role=texts, round=st.integers(0, 9),
    step=st.integers(0, 9), name=texts, digest=texts, request=st.dictionaries(names, values), reply=st.none() | said,
    output=st.none() | texts, failure=st.none() | st.builds(Failure, type=texts, message=texts), usage=usages,
    seconds=st.floats(0, 1e6), stop=st.none() | texts, learned=st.none() | st.builds(Profile),
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(st.lists(lines, min_size=1, max_size=3))
def test_lines_come_back_as_they_were_written(made: list[CallLine]) -> None:
    written = b"".join(
        json.dumps({"line": one.line, **one.model_dump(mode="json", exclude_defaults=True)}).encode() + b"\n"
        for one in made
    )
    back, size = parse(written, "it")
    assert size == len(written)
    assert [one.model_dump() for one in back] == [one.model_dump() for one in made]


def test_a_model_of_an_agents_own_needs_not_be_there_for_a_replay(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "unused-but-there")
    path = tmp_path / "run.jsonl"
    models: dict[str, Model | str] = {"judge": ScriptedModel(answering, name="other", profile=Profile(max_tokens=9))}
    result = dp.solve("2 + 2?", strategy="disputation", model=ScriptedModel(answering), models=models, journal=path)
    assert result.settings["models"] == {"judge": "other", "default": "scripted"}
    assert json_of(replayed(path, CATALOGUE["disputation"], model="openai:nothing")) == json_of(result)
    assert isinstance(read(path)[0], RunLine)


@pytest.mark.embedded
def test_a_replay_of_the_embedded_model_gives_the_same_bytes(tmp_path: Path) -> None:
    path, strategy = tmp_path / "run.jsonl", CATALOGUE["disputation"](2, rounds=1, claims=1)
    events: list[Any] = []
    try:
        result = dp.solve("Tea or coffee?", strategy=strategy, seed=1, journal=path, on_event=events.append)
    except StoreError as error:
        pytest.skip(f"no weights: {error}")
    replay = dp.solve("Tea or coffee?", strategy=strategy, journal=Journal(path, replay=True))
    assert json_of(replay) == json_of(result)
    assert result.usage.calls == sum(isinstance(one, CallLine) for one in read(path)) > 5
