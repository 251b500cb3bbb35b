"""Trajectories: attempts at one task, how they were judged, and what was recalled for them and learned from them."""

from collections.abc import Sequence
from typing import Annotated, Any

from typing_extensions import TypedDict

from disputatio.graphs.escalate import approves
from disputatio.memory.experience import Experience
from disputatio.memory.memory import MemoryItem
from disputatio.memory.transcript import render
from disputatio.state import State
from disputatio.thought import Answer, Thought


class Trajectory(TypedDict):
    """One attempt."""

    number: int
    """From 1 where there are several; 0 for the only one."""
    thoughts: list[str]
    """Ids of what was said in it, its conclusion last."""
    answer: Answer
    success: bool | None
    """How it was judged; None if it was not."""
    score: float
    """How good it was found, from 0 to 1."""
    why: str
    """The judge's reason."""


def _by_number(old: list[Trajectory], new: list[Trajectory]) -> list[Trajectory]:
    known = {one["number"]: one for one in (*old, *new)}
    return [known[number] for number in sorted(known)]


class Learning(State, total=False):
    """What the nodes share."""

    remembered: list[list[dict[str, Any]]] | None
    """Past tasks as JSON, each with its items behind it; None where nothing can be known, without a store."""
    trajectories: Annotated[list[Trajectory], _by_number]
    """By their numbers; what is known later of one replaces what was known before."""
    learned: list[dict[str, str]]
    """Lessons, as JSON."""
    written: list[str]
    """Ids of the thoughts that they come from; missing if the budget let nobody write."""


def best_of_trajectories(tried: Sequence[Trajectory]) -> Trajectory:
    """The attempt that the judge found best; of equal ones that whose answer was given most often, then the first."""
    values = [one["answer"].value for one in tried]

    def rank(one: Trajectory) -> tuple[bool, bool, float, int, int]:
        value = one["answer"].value
        return (value is not None, bool(one["success"]), one["score"], values.count(value), -one["number"])

    return max(tried, key=rank)


def standing(state: Learning) -> Trajectory:
    """The last attempt that has an answer, or else the last one."""
    answered = [one for one in state["trajectories"] if not one["answer"].abstained]
    return (answered or state["trajectories"])[-1]


def recalled_in(state: Learning) -> list[Experience]:
    """The past tasks that were recalled."""
    items = ([MemoryItem(**one) for one in values] for values in state.get("remembered") or ())
    return [Experience(task, tuple(learned)) for task, *learned in items]


def status_of(trajectory: Trajectory) -> str:
    """How an attempt was judged, in a word; one that was not judged did not succeed."""
    return "success" if trajectory["success"] else "failure"


def succeeded(verdict: Thought) -> bool:
    """Whether a judge or a verifier accepts an attempt; one who cannot be read does not."""
    status = verdict.data.get("status")
    return approves(verdict) if status is None else status == "success"


def said_in(trajectory: Trajectory, thoughts: Sequence[Thought]) -> list[Thought]:
    """What was said in an attempt; a conclusion that only repeats the last words is left out."""
    ids = set(trajectory["thoughts"])
    *within, end = (one for one in thoughts if one.id in ids)
    return within if within and within[-1].text == end.text else [*within, end]


def in_turn(thoughts: Sequence[Thought], said: Sequence[str], scope: str) -> list[Thought]:
    """What was said in an attempt, in the order in which its graph has it.

    Whose reply came first must not matter: a run that goes on, or is replayed, asks the judge the same again.

    Args:
        thoughts: What was said, in the order in which it came.
        said: Ids of what the part's own agents said, in the order of its state.
        scope: That of the part. What its own parts said comes before what they concluded.
    """
    places = {id_: place for place, id_ in enumerate(said)}
    ends = {one.author: places[one.id] for one in thoughts if one.role == "strategy" and one.id in places}

    def turn(one: Thought) -> tuple[int, bool, int, str, str]:
        part = one.scope.removeprefix(scope).strip("/").partition("/")[0]
        own = one.id in places
        return places[one.id] if own else ends.get(part, len(said)), own, one.round, one.scope, one.author

    return sorted(thoughts, key=turn)


def rendered(trajectory: Trajectory, thoughts: Sequence[Thought]) -> str:
    """What was said in an attempt, as a text."""
    return render(said_in(trajectory, thoughts))


def as_one(trajectory: Trajectory, thoughts: Sequence[Thought]) -> Thought:
    """An attempt with how it was judged, as one thought to be shown; nobody says it."""
    number, success = trajectory["number"], trajectory["success"]
    judgement = "" if success is None else f"Judged a {status_of(trajectory)}. {trajectory['why']}"
    text = f"{rendered(trajectory, thoughts)}\n\n{judgement}".strip()
    author, id_ = f"attempt {number}" if number else "attempt", f"{trajectory['thoughts'][-1]}, all of it"
    return Thought(id=id_, author=author, role="strategy", kind="observation", text=text)
