"""The ledger: what is reserved, what is spent, and that no crowd of agents gets past it."""

import asyncio
import threading
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from disputatio.budget import Budget, Usage
from disputatio.errors import BudgetExceededError, ConfigurationError
from disputatio.ledger import Ledger, Spender

usages = st.builds(
    Usage,
    calls=st.integers(0, 9),
    prompt_tokens=st.integers(0, 99),
    completion_tokens=st.integers(0, 99),
    cached_tokens=st.integers(0, 9),
    estimated=st.booleans(),
)


def spender(number: int) -> Spender:
    return Spender(f"agent {number % 7}", "debater", number % 3, "m")


@given(st.lists(usages))
def test_usage_adds_up_in_any_order(parts: list[Usage]) -> None:
    forwards, backwards = sum(parts, Usage()), sum(reversed(parts), Usage())
    assert forwards == backwards
    assert forwards.tokens == sum(part.prompt_tokens + part.completion_tokens for part in parts)
    assert forwards.estimated == any(part.estimated for part in parts)
    assert forwards.calls == sum(part.calls for part in parts)
    assert forwards.cached_tokens == sum(part.cached_tokens for part in parts)


@pytest.mark.parametrize(
    "wrong",
    [{"calls": 0}, {"tokens": -1}, {"seconds": 0}, {"seconds": float("nan")}, {"seconds": float("inf")}, {"money": 1}],
    ids=str,
)
def test_budgets_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Budget(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["calls", "prompt_tokens", "completion_tokens", "cached_tokens"])
def test_nothing_is_spent_backwards(field: str) -> None:
    with pytest.raises(ValidationError):
        Usage(**{field: -1})


steps = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 60), st.sampled_from(["full", "half", "none", "fails"])))


@settings(deadline=None)
@given(steps, st.none() | st.integers(1, 12), st.none() | st.integers(1, 400), st.integers(1, 5))
def test_the_books_always_balance(
    calls: list[tuple[int, int, str]], most: int | None, tokens: int | None, at_once: int
) -> None:
    ledger = Ledger(Budget(calls=most, tokens=tokens))
    open_: list[tuple[Usage, int, str]] = []

    def close() -> None:
        held, number, end = open_.pop(0)
        if end == "fails":
            ledger.release(held)
            return
        share = {"full": 1.0, "half": 0.5, "none": 0.0}[end]
        completed = int(held.completion_tokens * share)
        spent = Usage(calls=1, prompt_tokens=held.prompt_tokens, completion_tokens=completed)
        ledger.settle(held, spent, spender(number))

    for number, (prompt, reply, end) in enumerate(calls):
        try:
            held = ledger.reserve(prompt, reply)
        except BudgetExceededError:
            assert ledger.stop_reason == "budget"
        else:
            assert 1 <= held.completion_tokens <= reply
            open_.append((held, number, end))
        reserved = ledger.total + ledger._held
        assert most is None or reserved.calls <= most
        assert tokens is None or reserved.tokens <= tokens
        if len(open_) > at_once:
            close()
    while open_:
        close()
    assert ledger._held == Usage()
    assert sum(ledger.lines.values(), Usage()) == ledger.total
    if most is None and tokens is None:
        assert ledger.stop_reason is None


async def test_a_thousand_tasks_at_once_cannot_spend_more_than_there_is() -> None:
    ledger, most = Ledger(Budget(calls=100, tokens=5000)), Usage()

    async def spend(number: int) -> bool:
        nonlocal most
        try:
            held = ledger.reserve(20, 60)
        except BudgetExceededError:
            return False
        await asyncio.sleep(number % 3 / 1000)
        most = max(most, ledger.total + ledger._held, key=lambda usage: usage.tokens)
        ledger.settle(held, Usage(calls=1, prompt_tokens=20, completion_tokens=held.completion_tokens), spender(number))
        return True

    made = sum(await asyncio.gather(*(spend(number) for number in range(1000))))
    assert made == ledger.total.calls == 5000 // 80 + 1, "the last one is shortened"
    assert ledger.total.tokens == most.tokens == 5000
    assert ledger._held == Usage()
    assert sum(ledger.lines.values(), Usage()) == ledger.total


@pytest.mark.parametrize("budget", [Budget(calls=1000), Budget(tokens=9000)], ids=["calls", "tokens"])
def test_threads_at_once_cannot_spend_more_than_there_is(budget: Budget) -> None:
    ledger, barrier = Ledger(budget), threading.Barrier(8)
    made, wrong = count(), []

    def spend(seat: int) -> None:
        barrier.wait(10)
        for number in range(500):
            try:
                held = ledger.reserve(4, 5)
            except BudgetExceededError:
                return
            if number % 5 == 0:
                ledger.release(held)
            else:
                next(made)
                ledger.settle(
                    held, Usage(calls=1, prompt_tokens=4, completion_tokens=held.completion_tokens), spender(seat)
                )
            total = ledger.total
            if total.calls > (budget.calls or 10**9) or total.tokens > (budget.tokens or 10**9):
                wrong.append(total)

    threads = [threading.Thread(target=spend, args=(seat,)) for seat in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not wrong
    assert ledger.total.calls == next(made) > 100
    assert ledger._held == Usage()
    assert sum(ledger.lines.values(), Usage()) == ledger.total


def test_the_last_reply_is_shortened_and_the_next_refused_with_the_figures() -> None:
    ledger = Ledger(Budget(tokens=100))
    held = ledger.reserve(30, 1000)
    assert (held.calls, held.prompt_tokens, held.completion_tokens) == (1, 30, 70)
    with pytest.raises(BudgetExceededError, match="0 of 100 tokens are left, the next prompt needs 30"):
        ledger.reserve(30, 1000)


def test_what_is_left_over_can_be_spent_again() -> None:
    ledger = Ledger(Budget(tokens=100))
    ledger.settle(ledger.reserve(30, 1000), Usage(calls=1, prompt_tokens=30, completion_tokens=10), spender(0))
    assert ledger.reserve(30, 1000).completion_tokens == 30


def test_time_that_is_over_allows_no_call() -> None:
    ledger = Ledger(Budget(seconds=10))
    ledger.reserve(0, 1)
    ledger.started -= 11
    with pytest.raises(BudgetExceededError) as caught:
        ledger.reserve(0, 1)
    assert (caught.value.reason, ledger.stop_reason) == ("deadline", "deadline")
    assert ledger.seconds >= 11


def test_the_first_reason_to_stop_is_kept() -> None:
    ledger = Ledger(Budget(calls=1))
    ledger.reserve(0, 1)
    ledger.stop("cancelled")
    ledger.stop("deadline")
    with pytest.raises(BudgetExceededError) as caught:
        ledger.reserve(0, 1)
    assert (caught.value.reason, ledger.stop_reason) == ("cancelled", "cancelled")
    with pytest.raises(ConfigurationError, match="not 'tired'"):
        ledger.stop("tired")


def test_a_stop_from_a_thread_reaches_the_calls_of_all_event_loops() -> None:
    ledger, started = Ledger(), threading.Barrier(4)
    cut: list[str] = []

    async def work() -> None:
        try:
            async with ledger.clock() as clock:
                await asyncio.to_thread(started.wait, 10)
                await asyncio.Event().wait()
        except TimeoutError:
            cut.append(str(clock.expired()))

    threads = [threading.Thread(target=asyncio.run, args=(work(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    started.wait(10)
    ledger.stop("cancelled")
    for thread in threads:
        thread.join(10)
    assert cut == ["True"] * 3
    assert not ledger._clocks


async def test_a_stop_after_the_call_changes_nothing() -> None:
    ledger = Ledger()
    async with ledger.clock():
        pass
    ledger.stop("cancelled")
    await asyncio.sleep(0)


async def test_a_stop_from_within_a_call_cuts_it_off() -> None:
    ledger = Ledger()

    async def stopped() -> None:
        async with ledger.clock():
            ledger.stop("cancelled")
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await stopped()
    await asyncio.sleep(0)  # and nothing is cut off that comes after it
