"""Room under a budget: a call whose sequel is paid beforehand, and calls that wait for what others do not use."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disputatio.budget import Budget, Price, Usage
from disputatio.errors import BudgetExceededError, ModelUnavailableError
from disputatio.graphs import self_consistency
from disputatio.graphs.run import prepare, run
from disputatio.journal import Journal
from disputatio.ledger import Ledger, RoomHeldError, Sequel, Spender
from disputatio.model import Message, Profile, Reply, Request
from disputatio.models import ScriptedModel
from disputatio.models.gateway import call
from disputatio.question import Question

WHO = Spender("ann", "debater", 1, "m")
limits = st.builds(
    Budget,
    calls=st.none() | st.integers(1, 6),
    tokens=st.none() | st.integers(1, 900),
    prompt_tokens=st.none() | st.integers(1, 500),
    completion_tokens=st.none() | st.integers(1, 500),
    cost=st.none() | st.floats(0.001, 1),
)


def test_a_reply_is_shortened_so_that_its_sequel_can_be_paid() -> None:
    ledger, sequel = Ledger(Budget(tokens=1000)), Sequel(40, 60)
    held = ledger.reserve(100, 512, sequel=sequel)
    # 100 + R for the first, 100 + R + 40 + 60 for the second: R = (1000 - 300) / 2
    assert (held.prompt_tokens, held.completion_tokens) == (100, 350)
    assert (sequel.held.prompt_tokens, sequel.held.completion_tokens) == (490, 60)
    assert ledger.begun == 2
    with pytest.raises(BudgetExceededError):
        ledger.reserve(1, 1)
    ledger.settle(held, Usage(calls=1, prompt_tokens=100, completion_tokens=350), WHO)
    again = ledger.reserve(490, 512, aside=sequel)
    assert again.completion_tokens == 60
    ledger.settle(again, Usage(calls=1, prompt_tokens=490, completion_tokens=60), WHO)
    assert (ledger.total.tokens, ledger._held, sequel.held) == (1000, Usage(), Usage())


@given(limits, st.lists(st.tuples(st.integers(1, 80), st.integers(1, 200)), min_size=1, max_size=6), st.data())
def test_what_was_begun_can_be_ended_whatever_else_is_refused(
    budget: Budget, turns: list[tuple[int, int]], data: st.DataObject
) -> None:
    ledger, price, open_ = Ledger(budget), Price(0.001, 0.003), []
    for prompt, most in turns:
        sequel = Sequel(7, 11)
        try:
            open_.append((prompt, ledger.reserve(prompt, most, price, sequel=sequel), sequel))
        except BudgetExceededError:
            assert sequel.held == Usage()
    for prompt, held, sequel in data.draw(st.permutations(open_)):
        written = data.draw(st.integers(0, held.completion_tokens))
        ledger.settle(held, priced(price, prompt, written), WHO)
        last = data.draw(st.integers(0, 7))
        if data.draw(st.booleans()):
            ledger.drop(sequel)
            continue
        again = ledger.reserve(prompt + written + last, 50, price, aside=sequel)
        assert again.completion_tokens >= 11
        ledger.settle(again, priced(price, prompt + written + last, again.completion_tokens), WHO)
    spent = ledger.total
    assert (ledger._held.calls, ledger._held.tokens) == (0, 0)
    assert ledger._held.cost == pytest.approx(0, abs=1e-9)
    assert spent.calls <= (budget.calls or 99)
    assert spent.tokens <= (budget.tokens or 9999)
    assert spent.prompt_tokens <= (budget.prompt_tokens or 9999)
    assert spent.completion_tokens <= (budget.completion_tokens or 9999)
    assert spent.cost <= (budget.cost or 99) + 1e-9


def priced(price: Price, prompt: int, written: int) -> Usage:
    usage = Usage(calls=1, prompt_tokens=prompt, completion_tokens=written)
    return usage.model_copy(update={"cost": price.of(usage)})


def test_a_sequel_is_not_made_after_the_run_was_cancelled_or_is_over() -> None:
    for reason in ("cancelled", "deadline"):
        ledger, sequel = Ledger(Budget(tokens=1000)), Sequel(1, 1)
        ledger.reserve(1, 1, sequel=sequel)
        ledger.stop(reason)
        with pytest.raises(BudgetExceededError, match=reason):
            ledger.reserve(2, 1, aside=sequel)


def test_only_who_can_hope_for_room_waits() -> None:
    ledger = Ledger(Budget(tokens=100))
    assert ledger.reserve(10, 500, patient=True).completion_tokens == 90, "nobody holds anything: it is shortened"
    with pytest.raises(RoomHeldError):
        ledger.reserve(10, 5, patient=True)
    assert ledger.stop_reason is None
    ledger.hold(Usage(calls=1, prompt_tokens=200))
    ledger.settle(ledger._held, Usage(calls=1, prompt_tokens=5), WHO)
    with pytest.raises(BudgetExceededError, match="-105 of 100 tokens are left"):  # what is held ahead never comes free
        ledger.reserve(10, 5, patient=True)


@dataclass
class Counting:
    """Says three words after some turns of the event loop; knows the tokens of each prompt."""

    name: str = "counting"
    profile: Profile = field(default_factory=Profile)
    under_way: int = 0
    most: int = 0
    limits: list[int] = field(default_factory=list)
    fails: int = 0

    async def count(self, request: Request) -> int:
        return 10

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        self.limits.append(request.max_tokens)
        for _ in range(5):
            await asyncio.sleep(0)
        self.under_way -= 1
        if self.fails:
            self.fails -= 1
            raise ModelUnavailableError("away", fault="bad_reply")
        return Reply(text="That is so.", usage=Usage(calls=1, prompt_tokens=10, completion_tokens=20))


async def ask(model: Counting, ledger: Ledger, number: int, most: int = 100) -> bool:
    request = Request(messages=[Message(role="user", content=f"{number}?")], max_tokens=most)
    try:
        await call(model, request, ledger=ledger, spender=WHO._replace(round=number))
    except BudgetExceededError:
        return False
    return True


async def test_calls_wait_for_what_others_do_not_use() -> None:
    model, ledger = Counting(), Ledger(Budget(tokens=240))
    made = await asyncio.gather(*(ask(model, ledger, number) for number in range(12)))
    # Each may cost 110 and costs 30: two run at once; when fewer than 110 are left, one after the other, shortened.
    assert made == [True] * 8 + [False] * 4
    assert (model.most, ledger.total.tokens, ledger.stop_reason) == (2, 240, "budget")
    assert model.limits == [100, 100, 100, 100, 100, 80, 50, 20], "the line is served in order"
    assert len(ledger._line) == 0


async def test_a_part_waits_for_the_whole() -> None:
    model, ledger = Counting(), Ledger(Budget(tokens=150))
    parts = [ledger.part(Budget(tokens=120)) for _ in range(3)]
    made = await asyncio.gather(*(ask(model, part, number) for number, part in enumerate(parts)))
    assert (made, model.most, ledger.total.tokens) == ([True] * 3, 1, 90)


async def test_who_stops_waiting_leaves_no_hole() -> None:
    model, ledger = Counting(), Ledger(Budget(tokens=120))
    first, second, third = (asyncio.create_task(ask(model, ledger, number)) for number in range(3))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(ledger._line) == 2
    second.cancel()
    ends = await asyncio.gather(first, second, third, return_exceptions=True)
    assert (ends[0], ends[2], second.cancelled()) == (True, True, True)
    assert (len(ledger._line), ledger._held) == (0, Usage())


async def test_a_stop_ends_all_waiting() -> None:
    model, ledger = Counting(), Ledger(Budget(tokens=120))
    tasks = [asyncio.create_task(ask(model, ledger, number)) for number in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    ledger.stop("cancelled")
    assert await asyncio.wait_for(asyncio.gather(*tasks), 5) == [False] * 5
    assert len(ledger._line) == 0


async def test_a_call_that_is_made_again_sets_its_sequel_aside_once() -> None:
    model, ledger, sequel = Counting(fails=1), Ledger(Budget(tokens=1000)), Sequel(10, 10)
    request = Request(messages=[Message(role="user", content="Why?")], max_tokens=100)
    await call(model, request, ledger=ledger, spender=WHO, sequel=sequel)
    assert ledger._held == sequel.held == Usage(calls=1, prompt_tokens=120, completion_tokens=10)


@pytest.mark.parametrize("tokens", [60, 120, 300, 500, 2000])
async def test_samples_at_once_of_a_two_step_model_end_in_answers(tokens: int, tmp_path: Path) -> None:
    def reply(prompt: str) -> str:
        return '{"answer": "4"}' if "Now give only" in prompt else "Two and two are four, as every child knows."

    model = ScriptedModel(reply, profile=Profile(structure="two_step", max_tokens=200))
    question, strategy = Question(text="2 + 2?", answer_type="number"), self_consistency(samples=5)
    context = prepare(model=model, budget=Budget(tokens=tokens), journal=tmp_path / "run")
    result = await run(question, strategy, context)
    samples = [thought for thought in result.thoughts if thought.role == "solver"]
    assert all(sample.answer == "4" for sample in samples), "no sample is begun that cannot be read"
    assert len(samples) == {60: 0, 120: 0, 2000: 5}.get(tokens, len(samples))
    assert result.usage.tokens <= tokens
    assert (result.answer.text == "4") == bool(samples) == (tokens >= 500)
    assert result.stop_reason == ("finished" if tokens == 2000 else "budget")
    assert await run(question, strategy, prepare(journal=Journal(tmp_path / "run", replay=True))) == result
