"""What went wrong in a run: told again when it is replayed, and not forgotten by the budget of a part that goes on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from langgraph.graph import END, START, StateGraph

import disputatio as dp
from disputatio.budget import Budget, Usage
from disputatio.context import Context, Event, Retried, Spoken, Started
from disputatio.errors import ModelError, ModelUnavailableError
from disputatio.graphs import chain_of_thought
from disputatio.graphs.compose import nested
from disputatio.graphs.run import prepare, run
from disputatio.journal import Journal
from disputatio.model import Profile, Reply, Request
from disputatio.question import Question
from disputatio.state import Input, Output, State

QUESTION = Question(text="2 + 2?")


@dataclass
class Failing:
    """Raises the errors that it is given, one a call, and replies to all others."""

    errors: Sequence[ModelError | None] = ()
    name: str = "failing"
    profile: Profile = field(default_factory=lambda: Profile(max_tokens=1000))
    requests: list[Request] = field(default_factory=list)

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        self.requests.append(request)
        if on_text:
            on_text("So.")
        place = len(self.requests) - 1
        if place < len(self.errors) and (error := self.errors[place]):
            raise error
        return Reply(text="So.\nAnswer: 4", usage=Usage(calls=1, prompt_tokens=10, completion_tokens=5))


def lost(tokens: int) -> ModelError:
    error = ModelError("no more", fault="quota")
    error.usage = Usage(completion_tokens=tokens)
    return error


async def test_a_replay_tells_what_was_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("disputatio.models.gateway._wait", lambda state: 0.001)
    faults = [ModelUnavailableError("busy"), ModelUnavailableError("gone", fault="transport")]
    events: list[Event] = []
    again: list[Event] = []
    context = prepare(model=Failing(faults), journal=tmp_path / "run", on_event=events.append)
    first = await run(QUESTION, chain_of_thought, context)
    replay = prepare(journal=Journal(tmp_path / "run", replay=True), on_event=again.append)
    assert await run(QUESTION, chain_of_thought, replay) == first
    assert [type(one) for one in events][:6] == [Started, Spoken, Retried, Spoken, Retried, Spoken]
    told = [one for one in events if isinstance(one, Retried)]
    assert told == [Retried("solver", "overloaded", 0.001), Retried("solver", "transport", 0.001)]
    assert [one for one in again if isinstance(one, Retried)] == told
    assert [one for one in again if not isinstance(one, Spoken)] == [
        one for one in events if not isinstance(one, Spoken)
    ]


@pytest.mark.parametrize(("tokens", "left"), [(0, 100), (60, 40), (99, 1)])
async def test_what_a_role_lost_is_not_its_to_spend_when_the_run_goes_on(
    tokens: int, left: int, tmp_path: Path
) -> None:
    budgets = {"solver": Budget(completion_tokens=100)}
    path, calm = tmp_path / "run", Failing()
    with pytest.raises(ModelError, match="no more"):
        await run(QUESTION, chain_of_thought, prepare(model=Failing([lost(tokens)]), budgets=budgets, journal=path))
    context = prepare(model=calm, budgets=budgets, journal=path)
    result = await run(QUESTION, chain_of_thought, context)
    assert calm.requests[0].max_tokens == left
    assert result.usage.completion_tokens == tokens + 5, "booked once, on the whole"
    part = context.ledger_of("solver", "solver")
    assert part.total.completion_tokens == tokens + 5
    replay = prepare(budgets=budgets, journal=Journal(path, replay=True))
    assert await run(QUESTION, chain_of_thought, replay) == result
    assert replay.ledger_of("solver", "solver").total == part.total


async def test_what_a_part_lost_is_not_its_to_spend_when_the_run_goes_on(tmp_path: Path) -> None:
    limit, path = Budget(completion_tokens=100), tmp_path / "run"
    graph = StateGraph(State, Context, input_schema=Input, output_schema=Output)
    graph.add_node("free", nested(chain_of_thought, "free"))
    graph.add_node("limited", nested(chain_of_thought, "limited", limit))
    graph.add_edge(START, "free")
    graph.add_edge("free", "limited")
    graph.add_edge("limited", END)
    made = dp.strategy(source="a test", calls=lambda: 4)(_named(graph))
    calm = Failing()
    for errors in ([lost(30)], [None, lost(30)]):  # in the part without a limit, then in the limited one
        with pytest.raises(ModelError, match="no more"):
            await run(QUESTION, made, prepare(model=Failing(errors), journal=path))
    result = await run(QUESTION, made, prepare(model=calm, journal=path))
    assert [one.max_tokens for one in calm.requests] == [70]
    assert result.usage.completion_tokens == 30 + 5 + 30 + 5
    assert await run(QUESTION, made, prepare(journal=Journal(path, replay=True))) == result


def _named(graph: StateGraph[State, Context, Input, Output]) -> Callable[[], StateGraph[State, Context, Input, Output]]:
    def two_parts() -> StateGraph[State, Context, Input, Output]:
        """One part with a limit, one without."""
        return graph

    return two_parts
