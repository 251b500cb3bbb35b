"""What every strategy promises, whatever the model says: its two ends, its calls, its budget, its record."""

import asyncio
import json
import logging
import pkgutil
import re
import threading
from collections.abc import Callable
from importlib import import_module
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

import disputatio
import disputatio.graphs
from disputatio.agents import Planner, Solver, Verifier
from disputatio.budget import Budget, Usage
from disputatio.context import Context
from disputatio.graphs import CATALOGUE, best_of, chain_of_thought, debate, self_consistency, sequence
from disputatio.graphs.decisions import RULES
from disputatio.graphs.run import prepare, run
from disputatio.model import Profile, Reply, Request
from disputatio.models import ScriptedModel
from disputatio.question import Question
from disputatio.result import Result
from disputatio.state import State
from disputatio.strategies import Strategy
from disputatio.thought import Answer, Link, Thought
from disputatio.tools import calculator
from tests.small_patterns import PATTERNS
from tests.small_searches import SAID, SEARCHES

SMALL: dict[str, Strategy[...]] = {
    "chain_of_thought": CATALOGUE["chain_of_thought"],
    "disputation": CATALOGUE["disputation"],
    "disputation of one": CATALOGUE["disputation"](1, rounds=1, claims=0),
    "disputation with tools": CATALOGUE["disputation"](2, verifier=Verifier(tools=[calculator])),
    "three samples": self_consistency(samples=3),
    **{f"debate by {rule}": debate(decision=rule) for rule in RULES},
    "debate until agreed": debate(rounds=4, until_agreed=True),
    "debate in a ring": debate(4, topology="ring", rounds=3),
    "debate of one": debate(1),
    "sequence": sequence(Planner(), debate),
    "sequence that ends in an agent": sequence(chain_of_thought, Solver()),
    "best_of": best_of(debate(2), n=2),
    "best_of with tools": best_of(chain_of_thought, n=2, by=Verifier(tools=[calculator])),
    **PATTERNS,
    **SEARCHES,
    "nested twice": sequence(Planner(), best_of(sequence(Solver(), self_consistency(samples=2)), n=2)),
}
STRATEGIES = {**SMALL, **CATALOGUE}
every_strategy = pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
every_small_strategy = pytest.mark.parametrize("strategy", SMALL.values(), ids=SMALL)

UNREADABLE = {
    "empty": "",
    "whitespace": " \n\t\u2003\n",
    "no marker": "I would say four, on balance.",
    "bare label": "Answer:",
    "label without words": "Answer: **...**\nConfidence: 80",
    "bracket": "{",
    "broken JSON": 'So: {"answer": "4", "confidence": 80, ',
    "JSON of another kind": '{"vote": "4"} [1, 2] null',
    "JSON with wrong types": '{"answer": ["4"], "confidence": "high", "verdict": 7, "score": {}, "claims": 3}',
    "not a number": '{"answer": NaN, "confidence": NaN, "score": Infinity, "another_round": NaN}',
    "garbage in every field": "Answer: ?!\nConfidence: NaN\nVerdict: maybe\nScore: -3\nAnother round: perhaps\n"
    "Approved: 99\nRanking: 0, 0\nUpholds: nobody\nDisputes: everybody\nReplies:\nPoints:\nClaims:",
    "very long": "word " * 20_000,
    "long brackets": "{" * 100_000,
    "lone surrogates": "\ud800 half \udfff a pair",
    "control characters": "\x00\x1b[31m\x07\x9b2J\u202e \x85 \u2028",
}
READABLE = "Because two and two are four.\nAnswer: 4\nConfidence: 80"
FIELDS = {
    **SAID,
    "Answer": "4",
    "Confidence": "80",
    "Points": "1. What is two?",
    "Claims": "1. proponent: two is even",
    "Reason": "it is known",
    "Verdict": "refuted",
    "Score": "60",
    "Weakest point": "the opening",
    "Another round": "yes",
    "Disputes": "debater 1",
    "Upholds": "opponent",
    "Replies": "1. It fails.",
    "Approved": "1",
    "Ranking": "1",
    "Steps": "1. correct: it is so",
    "Response": "1",
    "Preference": "-2",
    "Intents": "1. benign: a sum",
    "Agree": "no",
    "Thoughts": "1. on policy 5",
    "New thoughts": "none",
    "Dropped": "none",
    "Use": '{"tool": "calculator", "arguments": {"expression": "2 + 2"}}',
}


def well_formed(prompt: str) -> str:
    """Words, and behind them the fields that the prompt asks for."""
    asked = dict.fromkeys(re.findall(r"^([A-Z][a-z ]+): <", prompt, re.MULTILINE))
    if "Use" in asked or '{"use": {"tool": "none"}}' in prompt:
        return f'{{"use": {FIELDS["Use"]}}}'
    said = "<final_sql>SELECT 2 + 2</final_sql>" if "<final_sql>" in prompt else "So it seems."
    return "\n".join([said, *(f"{name}: {FIELDS[name]}" for name in asked)])


def scripted(reply: str | Callable[[str], str], structure: str = "native") -> ScriptedModel:
    said = reply if callable(reply) else lambda prompt: reply
    return ScriptedModel(said, profile=Profile(structure=structure, max_tokens=200_000))  # type: ignore[arg-type]


def made(model: object, calls: int | None = None) -> Context:
    return Context(models={"default": model}, ledger=disputatio.Ledger(Budget(calls=calls)))  # type: ignore[dict-item]


class Counting(ScriptedModel):
    """Keeps its own book of calls and tokens."""

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        reply = await super().complete(request, on_text)
        self.book = getattr(self, "book", Usage()) + reply.usage
        return reply


def checked(result: Result) -> Result:
    """A result whose record hangs together."""
    places = {thought.id: place for place, thought in enumerate(result.thoughts)}
    assert len(places) == len(result.thoughts), "ids are unique"
    assert len(set(result.links)) == len(result.links)
    for link in result.links:
        assert places[link.source] > places[link.target], "a link points to an earlier thought"
    assert sum((line.usage for line in result.spent), Usage()) == result.usage
    assert Result.model_validate_json(result.model_dump_json()) == result
    assert result.graph.number_of_nodes() == len(result.thoughts)
    return result


@pytest.mark.parametrize("reply", [well_formed, READABLE, *UNREADABLE.values()], ids=["fields", "prose", *UNREADABLE])
@every_small_strategy
async def test_it_ends_within_its_calls_whatever_the_model_says(
    strategy: Strategy[...], reply: str | Callable[[str], str]
) -> None:
    for structure, calls in (("native", strategy.calls), ("two_step", 2 * strategy.calls)):
        model = scripted(reply, structure)
        context = made(model, calls + 1)
        output = await strategy.compile().ainvoke({"question": "2 + 2?"}, context=context)
        assert set(output) == {"answer"}
        assert 1 <= context.ledger.total.calls <= calls
        if isinstance(reply, str) and reply.strip():
            assert len(model.requests) == context.ledger.total.calls, "only silence is asked once more"
        if reply in UNREADABLE.values():
            answer = output["answer"]
            assert (answer.text, answer.value, answer.stop_reason) == ("", None, "undecided")


@every_strategy
async def test_a_well_formed_reply_is_understood_in_every_structure(strategy: Strategy[...]) -> None:
    for structure in ("native", "two_step", "prompted"):
        model = Counting(well_formed, profile=Profile(structure=structure))  # type: ignore[arg-type]
        result = checked(await run(Question(text="2 + 2?", answer_type="number"), strategy, prepare(model=model)))
        assert (result.answer.value, result.stop_reason) == ("4", result.answer.stop_reason)
        assert result.usage == model.book
        assert sum((thought.usage for thought in result.thoughts), Usage()) == model.book
        assert result.usage.calls == len(model.requests) <= strategy.calls * model.profile.calls_per_turn


anything = st.text(st.characters())
labels = st.lists(st.tuples(st.sampled_from([*FIELDS, "answer", "**Answer**"]), anything | st.floats().map(str)))
replies = st.one_of(
    anything,
    labels.map(lambda lines: "\n".join(f"{name}: {value}" for name, value in lines)),
    st.dictionaries(
        st.sampled_from([name.lower().replace(" ", "_") for name in FIELDS]),
        st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | anything, st.lists, max_leaves=3),
    ).map(lambda fields: json.dumps(fields)),
)


@settings(deadline=None, max_examples=10)
@given(said=st.lists(replies, min_size=1, max_size=4), structure=st.sampled_from(["native", "two_step", "prompted"]))
@every_small_strategy
def test_no_text_of_a_model_breaks_a_run_or_its_record(
    strategy: Strategy[...], said: list[str], structure: str
) -> None:
    turn = count()
    model = scripted(lambda prompt: said[next(turn) % len(said)], structure)
    result = checked(disputatio.solve("Which of them?", strategy=strategy, model=model))
    assert result.usage.calls == len(model.requests) or any(not one.strip() for one in said)
    assert result.stop_reason in ("finished", "agreed", "undecided")
    assert (result.answer.value is None) == (result.stop_reason == "undecided")
    if result.answer.value is not None:
        assert any(result.answer.text == thought.answer for thought in result.thoughts)


class Mine(TypedDict):
    """The state of somebody else's application."""

    question: str
    answer: Answer
    length: int


@every_strategy
async def test_it_is_a_node_of_a_graph_of_the_users_own(strategy: Strategy[...]) -> None:
    graph = StateGraph(Mine, Context)
    graph.add_node("think", strategy.compile())
    graph.add_node("measure", lambda state: {"length": len(state["answer"].text)})
    graph.add_edge(START, "think")
    graph.add_edge("think", "measure")
    graph.add_edge("measure", END)
    model = scripted(well_formed)
    output = await graph.compile().ainvoke({"question": "2 + 2?"}, context=made(model))
    assert (set(output), output["answer"].value, output["length"]) == ({"question", "answer", "length"}, "4", 1)
    assert all("2 + 2?" in prompt for prompt in model.prompts)


def marks(text: str) -> set[str]:
    return set(re.findall(r"mark-\d", text))


def marking(prompt: str) -> str:
    [mark] = marks(prompt)
    return f"{mark} {well_formed(prompt)}"


@every_strategy
def test_runs_at_once_do_not_touch_each_other(strategy: Strategy[...]) -> None:
    model = scripted(marking)
    graph = strategy.compile()
    barrier = threading.Barrier(2)

    async def one(mark: str) -> Context:
        context = made(model)
        await graph.ainvoke({"question": f"{mark}?"}, context=context)
        return context

    async def two(marks: list[str], found: dict[str, Context]) -> None:
        found.update(zip(marks, await asyncio.gather(*map(one, marks)), strict=True))

    def thread(marks: list[str]) -> None:
        barrier.wait(10)
        asyncio.run(two(marks, found))

    found: dict[str, Context] = {}
    threads = [threading.Thread(target=thread, args=(pair,)) for pair in (["mark-1", "mark-2"], ["mark-3", "mark-4"])]
    for started in threads:
        started.start()
    for started in threads:
        started.join(60)
    assert len(found) == 4
    for mark, context in found.items():
        asked = [prompt for prompt in model.prompts if mark in prompt]
        assert context.ledger.total.calls == len(asked) == len(model.prompts) / 4
        assert context.ledger.total.prompt_tokens == sum(len(prompt.split()) for prompt in asked)
        assert {seen for thought in context.thoughts for seen in marks(thought.text)} == {mark}


def sections(strategy: Strategy[...]) -> tuple[str, str]:
    """The summary line and the part of the docstring that lists the parameters."""
    document = strategy.build.__doc__ or ""
    listed = re.search(r"\n\s*Args:\n(.*?)(?:\n\s*\n|\Z)", document, re.DOTALL)
    return document.splitlines()[0], listed.group(1) if listed else ""


@every_strategy
def test_it_is_documented_and_draws(strategy: Strategy[...]) -> None:
    summary, listed = sections(strategy)
    assert re.fullmatch(r"[A-Z].{15,}\.", summary)
    assert strategy.source
    documented = re.findall(r"^ {8}\*?(\w+): \w", listed, re.MULTILINE)
    assert documented == list(strategy.signature.parameters)
    assert strategy.name in repr(strategy)
    drawn = strategy.to_mermaid()
    for node in strategy.graph().nodes:
        assert node in drawn


@pytest.mark.parametrize("strategy", CATALOGUE.values(), ids=CATALOGUE)
def test_what_is_in_the_catalogue_needs_no_parts(strategy: Strategy[...]) -> None:
    assert CATALOGUE[strategy.name] is strategy
    assert (strategy.args, dict(strategy.params)) == ((), {})
    assert strategy.compile().name == strategy.name
    assert strategy.calls >= 1


def test_every_strategy_of_the_package_is_in_the_index() -> None:
    found = set()
    for module in pkgutil.walk_packages(disputatio.graphs.__path__, "disputatio.graphs."):
        for name, value in vars(import_module(module.name)).items():
            if isinstance(value, Strategy):
                assert name == value.name in disputatio.graphs.__all__
                assert getattr(disputatio.graphs, name) is value
                needs = [one for one in value.signature.parameters.values() if one.default is one.empty]
                assert (name in CATALOGUE) == (not needs)
                found.add(name)
    assert found > set(CATALOGUE)


@every_small_strategy
async def test_a_budget_of_one_call_is_kept(strategy: Strategy[...]) -> None:
    model = scripted(well_formed)
    result = checked(await disputatio.asolve("2 + 2?", strategy=strategy, model=model, budget=Budget(calls=1)))
    free = await disputatio.asolve("2 + 2?", strategy=strategy, model=scripted(well_formed))
    assert len(model.requests) == result.usage.calls == 1
    assert result.stop_reason == ("budget" if free.usage.calls > 1 else "finished")


@pytest.mark.parametrize("tokens", [1, 700, 2500])
@every_small_strategy
async def test_a_budget_of_tokens_is_kept(strategy: Strategy[...], tokens: int) -> None:
    def model() -> Counting:
        return Counting(lambda prompt: f"{'so ' * 300}{well_formed(prompt)}")

    free = await disputatio.asolve("2 + 2?", strategy=strategy, model=model())
    held = model()
    result = checked(await disputatio.asolve("2 + 2?", strategy=strategy, model=held, budget=Budget(tokens=tokens)))
    assert result.usage.tokens == getattr(held, "book", Usage()).tokens <= tokens
    assert bool(held.requests) == (tokens > 1)
    if free.usage.tokens > tokens:
        assert result.stop_reason == "budget"


@every_small_strategy
async def test_time_that_is_over_ends_the_run_in_order(strategy: Strategy[...]) -> None:
    model = scripted(well_formed)
    result = checked(await disputatio.asolve("2 + 2?", strategy=strategy, model=model, budget=Budget(seconds=1e-9)))
    assert (result.stop_reason, result.answer.value, model.requests) == ("deadline", None, [])


class Silent(ScriptedModel):
    """Answers some calls, then never again."""

    after = 1

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        reply = await super().complete(request, on_text)
        if len(self.requests) > self.after:
            await asyncio.Event().wait()
        return reply


@every_small_strategy
async def test_a_model_that_falls_silent_is_cut_off_at_the_deadline(strategy: Strategy[...]) -> None:
    model = Silent(well_formed)
    result = checked(await disputatio.asolve("2 + 2?", strategy=strategy, model=model, budget=Budget(seconds=0.2)))
    assert result.stop_reason == "deadline" or (len(model.requests) == 1 and result.stop_reason == "finished")
    assert result.usage.calls == len(model.requests)
    assert result.usage.estimated == (len(model.requests) > 1)


@pytest.mark.parametrize("after", [1, 4])
@every_small_strategy
async def test_a_run_that_is_stopped_from_outside_ends_in_order(strategy: Strategy[...], after: int) -> None:
    def reply(prompt: str) -> str:
        if len(model.requests) == after:
            context.ledger.stop("cancelled")
        return well_formed(prompt)

    model = scripted(reply)
    context = prepare(model=model)
    result = checked(await run(Question(text="2 + 2?"), strategy, context))
    unstopped = await disputatio.asolve("2 + 2?", strategy=strategy, model=scripted(well_formed))
    assert result.stop_reason == ("cancelled" if unstopped.usage.calls >= after else unstopped.stop_reason)
    assert result.usage.calls == len(model.requests) < max(after + 40, unstopped.usage.calls)


@every_strategy
async def test_it_runs_with_a_checkpointer(strategy: Strategy[...], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    types = JsonPlusSerializer(allowed_msgpack_modules=[Answer, Link, Question, Thought])
    graph = strategy.compile(checkpointer=InMemorySaver(serde=types))
    thread = {"configurable": {"thread_id": "1"}}
    output = await graph.ainvoke({"question": Question(text="2 + 2?")}, thread, context=made(scripted(well_formed)))
    state = await graph.aget_state(thread)
    assert state.values["answer"] == output["answer"]
    assert state.next == ()
    assert all(type(thought) is Thought for thought in state.values["thoughts"])
    assert not caplog.records


async def test_what_several_nodes_add_twice_is_kept_once() -> None:
    one, other = (Thought(author="ann", role="debater", kind="claim", text=text) for text in ("so", "not so"))
    link = Link(source=other.id, target=one.id, kind="attacks")
    graph = StateGraph(State)
    for name in ("left", "right"):
        graph.add_node(name, lambda state: {"thoughts": [one, other], "links": [link]})
        graph.add_edge(START, name)
    output = await graph.compile().ainvoke({"question": "Which?", "thoughts": [one]})
    assert (output["thoughts"], output["links"]) == ([one, other], [link])
