"""Explorations: plans that were sampled, how some of them are selected, and how far they were kept to."""

import re
from collections.abc import Sequence
from dataclasses import replace

from pydantic import Field
from typing_extensions import TypedDict

from disputatio.agents.agent import Agent
from disputatio.agents.explorer import steps_of
from disputatio.agents.forms import Form
from disputatio.graphs.clusters import Cluster
from disputatio.graphs.speaking import told
from disputatio.thought import Link, Thought
from disputatio.writing import numbered

CHOOSE = """\
You take no part in the work itself. Choose the plan that is most likely to lead to the right answer; if none will do, \
write a better one out of their best steps. Give your reason in one line."""
EXECUTE = """\
Carry out the plan above: every step, in order, and nothing else. If a step cannot be done, say "plan fails at step" \
with its number, and go on as well as you can. Then answer the question."""
_FAILS = re.compile(r"plan fails at step (\d+)", re.IGNORECASE)


class Choice(Form):
    """The judge's choice among plans."""

    choice: str = Field(description="the number of the best plan, or 0 for one of your own")
    plan: list[str] = Field(default=[], description="your own plan as a numbered list, or none")


class Group(TypedDict):
    """A plan that is carried out, and how many plans it stands for."""

    plan: str
    """The id of the thought that holds it; empty where there is no plan."""
    steps: list[str]
    weight: int


def group(plan: Thought | None, weight: int = 1) -> Group:
    """A plan with what it stands for; no plan at all if it is None."""
    return Group(plan=plan.id if plan else "", steps=steps_of(plan) if plan else [], weight=weight)


def heaviest(found: Sequence[Thought], sorted_: Sequence[Cluster], most: int, share: float) -> list[Group]:
    """The largest clusters' medoids: at most so many, and no more once they hold this share of the plans."""
    taken: list[Group] = []
    for cluster in sorted_[:most]:
        taken.append(group(found[cluster.medoid], len(cluster.members)))
        if sum(one["weight"] for one in taken) >= share * len(found) - 1e-9:
            break
    return taken


def PlanJudge(name: str = "plan judge") -> Agent:
    """Make an agent that chooses one of several plans, or writes a better one out of them.

    Args:
        name: Its name.
    """
    return Agent(
        name=name,
        role="judge",
        instruction=CHOOSE,
        kind="plan",
        form=Choice,
        prose=False,
        temperature=0.0,
        view=lambda state: [],
    )


def choosing(judge: Agent, shown: Sequence[Thought]) -> Agent:
    """The judge, shown these plans by number and without their authors."""
    listed = "\n\n".join(f"Plan {number}:\n{numbered(steps_of(one))}" for number, one in enumerate(shown, 1))

    def relate(thought: Thought, seen: Sequence[Thought]) -> list[Link]:
        picked = _picked(thought, shown)
        kind, about = ("supports", [picked]) if picked else ("aggregates", shown)
        return [Link(source=thought.id, target=one.id, kind=kind) for one in about]  # type: ignore[arg-type]

    return replace(told(judge, listed), relate=relate)


def chosen(verdict: Thought | None, shown: Sequence[Thought]) -> Group | None:
    """The plan that the judge picked or wrote; None if it did neither."""
    if verdict is None:
        return None
    if picked := _picked(verdict, shown):
        return group(picked)
    return group(verdict) if steps_of(verdict) else None


def _picked(verdict: Thought, shown: Sequence[Thought]) -> Thought | None:
    said = re.match(r"\D*(\d{1,4})\b", str(verdict.data.get("choice", "")))
    number = int(said[1]) if said else 0
    return shown[number - 1] if 1 <= number <= len(shown) else None


def executing(worker: Agent, plan: Group, about: Sequence[Thought], name: str) -> Agent:
    """The worker with one plan to carry out, or with none at all."""
    words = f"The plan:\n{numbered(plan['steps'])}" if plan["steps"] else ""
    ordered = replace(worker, instruction=EXECUTE) if plan["steps"] else worker
    return told(ordered, words, name=name, about=about, kind="uses")


def adherence(execution: Thought, plan: Group) -> float:
    """The share of the plan that was carried out before it was said to fail; 1 if that was not said."""
    failed = [int(number) for number in _FAILS.findall(execution.text)]
    steps = len(plan["steps"])
    return min(max(min(failed) - 1, 0) / steps, 1.0) if failed and steps else 1.0
