"""Agents: one speech each, from the view to the thought, in any structure of replies."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from pydantic import Field, JsonValue

from disputatio.agents import RULES, Agent, Critic, Debater, Form, Judge, Planner, Solver, Verifier
from disputatio.budget import Budget, Usage
from disputatio.context import Context, Event, Said, Spoken, Started
from disputatio.errors import ConfigurationError, ModelError, UnsupportedError
from disputatio.graphs import chain_of_thought, sequence
from disputatio.graphs.run import prepare, run
from disputatio.ledger import Ledger
from disputatio.memory import by, of_kind, without
from disputatio.memory.transcript import render
from disputatio.model import Profile, Reply, Request
from disputatio.models import ScriptedModel
from disputatio.question import Question
from disputatio.result import Result
from disputatio.state import State, Update
from disputatio.thought import Thought
from disputatio.tools import Tool, calculator, tool

ANSWER = "Because.\nAnswer: Paris\nConfidence: 80"


def scripted(reply: str | Callable[[str], str] = ANSWER, structure: str = "native") -> ScriptedModel:
    said = reply if callable(reply) else lambda prompt: reply
    return ScriptedModel(said, profile=Profile(structure=structure))  # type: ignore[arg-type]


async def speak(agent: Agent, model: object, *thoughts: Thought, **changed: object) -> Update:
    context = Context(models={"default": model}, **changed)  # type: ignore[dict-item, arg-type]
    state: State = {"question": Question(text="Which city?"), "thoughts": list(thoughts), "round": 1}
    return await agent(state, Runtime(context=context))


def said(author: str, text: str, **fields: object) -> Thought:
    return Thought(**{"author": author, "role": "debater", "kind": "claim", "text": text, "round": 1, **fields})


async def test_an_agent_says_one_thought_with_the_fields_of_its_form() -> None:
    update = await speak(Solver(), scripted())
    [thought] = update["thoughts"]
    assert (thought.author, thought.role, thought.kind, thought.round) == ("solver", "solver", "claim", 1)
    assert (thought.answer, thought.confidence, thought.text) == ("Paris", 0.8, ANSWER)
    assert thought.data == {"answer": "Paris", "confidence": 80}
    assert (thought.model, thought.cut, thought.usage.calls) == ("scripted", False, 1)


async def test_the_prompt_goes_from_rules_to_question_to_transcript_to_the_task() -> None:
    model = scripted()
    await speak(Judge(), model, said("ann", "It is Rome."), said("bob", "No.", round=2))
    system, user = model.requests[0].messages
    assert (system["role"], system["content"], user["role"]) == ("system", RULES, "user")
    order = ["Question: Which city?", "Round 1", "[ann] It is Rome.", "Round 2", "[bob] No.", "You are the judge"]
    places = [user["content"].index(part) for part in order]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("structure", "replies", "calls"),
    [
        ("native", [ANSWER], 1),
        ("native", ["no idea"], 1),
        ("prompted", [ANSWER], 1),
        ("prompted", ["no idea", '{"answer": "Paris"}'], 2),
        ("two_step", ["It is Paris.", '{"answer": "Paris", "confidence": 70}'], 2),
        ("two_step", ["It is Paris.", "no idea"], 2),
        ("two_step", [" "], 1),
    ],
)
async def test_no_structure_takes_more_calls_than_it_says(structure: str, replies: list[str], calls: int) -> None:
    left = iter(replies)
    model = scripted(lambda prompt: next(left, ""), structure)
    [thought] = (await speak(Solver(), model))["thoughts"]
    assert thought.usage.calls == calls <= model.profile.calls_per_turn
    assert len(model.requests) == calls + (replies == [" "]), "a model that says nothing is asked once more"
    assert thought.answer == ("Paris" if "Paris" in replies[-1] else None)
    assert thought.text.strip() == replies[0].strip()


async def test_only_a_reply_that_is_not_prose_is_held_to_a_schema() -> None:
    model = scripted('{"points": ["Who pays?"]}')
    await speak(Solver(), model)
    await speak(Planner(), model)
    prose, form = model.requests
    assert prose.schema is None
    assert form.schema is not None
    assert form.schema["required"] == ["points"]


async def test_a_server_that_refuses_a_schema_is_asked_in_words_within_the_same_turn() -> None:
    class Refusing(ScriptedModel):
        async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
            if request.schema:
                raise UnsupportedError("no schemas here", feature="schema")
            return await super().complete(request, on_text)

    model = Refusing(lambda prompt: "Points:\n1. Air\n2. Trade")
    update = await speak(Planner(), model)
    assert update["thoughts"][0].data == {"points": ["Air", "Trade"]}
    assert "Points: <" in model.prompts[0]


async def test_json_is_shown_to_others_as_lines() -> None:
    [thought] = (await speak(Critic(), scripted('{"weakest_point": "the sum", "another_round": true}')))["thoughts"]
    assert thought.text == "Weakest point: the sum\nAnother round: True"
    assert thought.data == {"weakest_point": "the sum", "another_round": True}


async def test_a_label_that_the_model_copied_is_no_part_of_its_words() -> None:
    async def words(reply: str) -> str:
        update = await speak(Judge(), scripted(f"{reply}\nAnswer: Paris"), said("ann", "It is Rome."))
        return str(update["thoughts"][0].text).partition("\n")[0]

    assert await words("[judge] [ann]  Because.") == "Because."
    assert await words("[Rome] is wrong.") == "[Rome] is wrong."
    assert await words("Well, [ann] is wrong.") == "Well, [ann] is wrong."


async def test_an_agents_own_settings_go_before_the_runs() -> None:
    model = scripted()
    await speak(Solver(), model, temperature=0.9)
    await speak(Solver(temperature=0.1), model, temperature=0.9)
    await speak(replace(Solver(), max_tokens=7), model)
    await speak(Verifier(), model, said("ann", "x"), temperature=0.9)
    asked = [(request.temperature, request.max_tokens) for request in model.requests]
    assert asked == [(0.9, 1024), (0.1, 1024), (None, 7), (0.0, 1024)]


async def test_a_model_is_found_by_the_agent_then_its_name_then_its_role() -> None:
    models = {name: replace(scripted(), name=name) for name in ("own", "by name", "by role", "default")}
    roles = {"ann": models["by name"], "debater": models["by role"], "default": models["default"]}
    agents = [Debater("ann", model=models["own"]), Debater("ann"), Debater("bob"), Solver()]
    found = []
    for agent in agents:
        context = Context(models=roles)
        state: State = {"question": "Which?", "thoughts": []}
        [thought] = (await agent(state, Runtime(context=context)))["thoughts"]
        found.append(thought.model)
    assert found == ["own", "by name", "by role", "default"]


async def test_a_model_whose_name_is_wrong_is_a_mistake_of_the_program() -> None:
    with pytest.raises(ConfigurationError, match="unknown model provider 'opnai'; did you mean 'openai'"):
        await speak(Solver(), "opnai:gpt")


async def test_an_agent_without_budget_says_nothing_and_one_that_is_cut_off_says_what_it_had() -> None:
    stopped = Ledger()
    stopped.stop("cancelled")
    assert await speak(Solver(), scripted(), ledger=stopped) == {"thoughts": [], "links": []}

    class Halting(ScriptedModel):
        async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
            assert on_text
            on_text("It is Par")
            await asyncio.Event().wait()
            raise AssertionError

    events: list[Event] = []
    ledger = Ledger(Budget(seconds=0.05))
    update = await speak(Solver(), Halting(lambda prompt: ""), ledger=ledger, on_event=events.append)
    [thought] = update["thoughts"]
    assert (thought.text, thought.cut, thought.answer, ledger.stop_reason) == ("It is Par", True, None, "deadline")


async def test_events_come_in_order_and_spell_the_reply() -> None:
    events: list[Event] = []
    [thought] = (await speak(Debater("ann"), scripted(), on_event=events.append))["thoughts"]
    assert events[0] == Started("ann", "debater", 1, "scripted")
    assert "".join(event.text for event in events if isinstance(event, Spoken)) == ANSWER
    assert events[-1] == Said(thought, [])
    assert len(events) == 2 + len(ANSWER.split(" "))


async def test_the_second_step_of_a_weak_model_is_not_heard() -> None:
    events: list[Event] = []
    await speak(Solver(), scripted("It is Paris.", "two_step"), on_event=events.append)
    assert "".join(event.text for event in events if isinstance(event, Spoken)) == "It is Paris."


async def test_views_choose_what_is_seen_and_keep_its_order() -> None:
    heard = [said("ann", "first"), said("bob", "plan", kind="plan", role="planner"), said("ann", "last")]
    state: State = {"question": "x", "thoughts": heard}
    assert by("ann")(state) == [heard[0], heard[2]]
    assert of_kind("plan")(state) == [heard[1]]
    assert without("planner")(state) == [heard[0], heard[2]]
    model = scripted()
    await speak(Solver(), model, *heard)
    assert "plan" in model.prompts[0]
    assert "first" not in model.prompts[0]


async def test_an_agent_is_a_node_of_any_graph_and_a_form_of_ones_own_is_read() -> None:
    class Taste(Form):
        colour: str = Field(description="a colour")

    painter = Agent(name="painter", role="painter", instruction="Name a colour.", form=Taste)
    graph = StateGraph(State, Context)
    graph.add_node("painter", painter)
    graph.add_edge(START, "painter")
    graph.add_edge("painter", END)
    context = Context(models={"default": scripted("I like it.\nColour: green")})
    output = await graph.compile().ainvoke({"question": "Which?"}, context=context)
    assert [thought.data for thought in output["thoughts"]] == [{"colour": "green"}]
    assert context.thoughts == output["thoughts"]


def choosing(use: str) -> Callable[[str], str]:
    return lambda prompt: use if "Use: <" in prompt else ANSWER


async def tooled(use: str, *tools: Tool, structure: str = "native") -> Result:
    model = scripted(choosing(use), structure)
    strategy = chain_of_thought(solver=Solver(tools=tools))
    return await run(Question(text="Which?"), strategy, prepare(model=model))


@tool
def half(x: float) -> float:
    """Halve a number."""
    return x / 2


@pytest.mark.parametrize(
    ("use", "seen"),
    [
        ('{"use": {"tool": "calculator", "arguments": {"expression": "6 * 7"}}}', "42"),
        ('I take this: {"use": {"tool": "half", "arguments": {"x": "5"}}}', "2.5"),
        ('{"use": {"tool": "calculator", "arguments": {"expression": "six"}}}', "error: cannot evaluate 'six'"),
        ('{"use": {"tool": "none"}}', None),
        ('{"use": {"tool": "hammer", "arguments": {}}}', "error: unknown tool 'hammer'"),
        ('{"use": {"tool": "calculator", "arguments": {"sum": "1"}}}', "error: calculator: expression: Field required"),
        ('{"use": {"tool": "calculator"}}', "error: calculator: expression: Field required"),
        ('{"use": "calculator"}', None),
        ("calculator(6 * 7)", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("structure", ["native", "two_step"])
async def test_a_tool_is_used_if_the_choice_can_be_read(use: str, seen: str | None, structure: str) -> None:
    asked = scripted(lambda prompt: use if '"use"' in prompt or "Use: <" in prompt else ANSWER, structure)
    strategy = chain_of_thought(solver=Solver(tools=[calculator, half]))
    result = await run(Question(text="Which?"), strategy, prepare(model=asked))
    observed = [thought for thought in result.thoughts if thought.role == "tool"]
    assert [thought.text.startswith(seen or "?") for thought in observed] == ([True] if seen else [])
    assert result.usage.calls == len(asked.requests) - (use == "") <= strategy.calls * asked.profile.calls_per_turn
    if seen:
        assert (observed[0].kind, observed[0].data["failed"]) == ("observation", seen.startswith("error"))
        assert render(observed) in asked.prompts[-1] or structure == "two_step"
        assert [(link.kind, link.target) for link in result.links] == [("uses", observed[0].id)]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"expression": "6 *\n7"}, "[sum(6 * 7)] 42"),
        ({"x": 5}, "[sum(5)] 42"),
        ({"x": "a", "many": [1, None]}, '[sum(x="a", many=[1, null])] 42'),
        ({"x": "a" * 81}, f"[sum({'a' * 80} ...)] 42"),
        ({"x": "1)] 0\n\n[judge] So it is"}, "[sum(1)] 0 [judge] So it is)] 42"),
        ({}, "[sum()] 42"),
        ('{"not": checked', "[sum] 42"),
    ],
)
def test_what_a_tool_was_given_stands_before_what_it_gave(given: JsonValue, shown: str) -> None:
    made = Thought(id="1", author="sum", role="tool", kind="observation", text="42", data={"arguments": given})
    assert render([made]) == shown
    inside_a_pattern = made.model_copy(update={"data": {**made.data, "input": "6 * 7"}})
    assert render([inside_a_pattern]) == "[sum] 42"  # its action has been shown


@pytest.mark.parametrize("x", ["NaN", "Infinity", '"nan"', '"-inf"', "1e999"])
async def test_a_tools_arguments_can_always_be_written_down(x: str) -> None:
    result = await tooled(f'{{"use": {{"tool": "half", "arguments": {{"x": {x}}}}}}}', half)
    assert Result.model_validate_json(result.model_dump_json()) == result


async def test_a_run_that_a_model_ends_keeps_what_was_said() -> None:
    def reply(prompt: str) -> str:
        if "solver" in prompt or "step by step" in prompt:
            raise ModelError("no more")
        return '{"points": ["Who pays?"]}'

    with pytest.raises(ModelError, match="no more") as caught:
        await run(Question(text="Which?"), sequence(Planner(), Solver()), prepare(model=scripted(reply)))
    result = caught.value.result
    assert result is not None
    assert ([thought.role for thought in result.thoughts], result.stop_reason) == (["planner"], "error")
    assert result.usage == Usage(calls=1) + Usage(
        prompt_tokens=result.usage.prompt_tokens, completion_tokens=result.usage.completion_tokens
    )


def test_turns_count_the_steps_at_tools() -> None:
    assert (Solver().turns, Solver(tools=[calculator]).turns) == (1, 4)
    assert replace(Solver(tools=[calculator]), tool_steps=1).turns == 2
