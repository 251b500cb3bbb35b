"""Valuation: how the nodes of a tree of thoughts get their values, by asking agents about new siblings.

A valuation is a value of its own, apart from how the tree is searched: who is asked about siblings, and how what they
said becomes a number from 0 to 1 for each node. What they say is tied to the nodes by links.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Annotated, Literal

from pydantic import Field

from disputatio.agents.agent import Agent
from disputatio.agents.forms import Form, naming
from disputatio.agents.likelihood import Likelihood
from disputatio.agents.proposer import so_far, step_of
from disputatio.agents.solver import Solver
from disputatio.agents.verifier import Verifier
from disputatio.errors import ConfigurationError
from disputatio.graphs.speaking import told
from disputatio.model import Model
from disputatio.question import Question
from disputatio.thought import Link, LinkKind, Thought
from disputatio.writing import numbered

Path = Sequence[Thought]
"""The steps from the first to the one that is valued."""
Values = dict[str, float]

FINISH = "Go on from the last step, finish the solution, and give the final answer."
CHECK = """\
You check reasoning. Is the last of the steps above right, and does it bring the solution nearer? Give your reason in \
one sentence, then rule: "supported" if it is, "refuted" if it is wrong or leads nowhere, else "undecided"."""
RIGHT = "Is the last of these steps right, and does it bring the solution nearer?"
VOTE = "These next steps were proposed:\n{listed}\n\nWhich of them is the best next step? Give one short reason."
COMPARE = """\
Two ways to go on were proposed:
1. {first}
2. {second}

Which of the two is the better next step? Give one short reason."""


@dataclass(frozen=True, kw_only=True)
class Valuation:
    """How nodes are valued."""

    turns: Callable[[int], int]
    """The most turns of agents that so many siblings take."""
    asks: Callable[[Sequence[Path]], int]
    """How many agents are asked about these siblings, all at once."""
    ask: Callable[[Sequence[Path], int], Agent | Likelihood]
    """One of these agents, by its place from 0; it speaks once and links what it says to the siblings."""
    read: Callable[[Question, Sequence[Sequence[Path]], Mapping[str, Thought], Iterable[Link]], Values]
    """The values of all nodes, by id, from all sets of siblings, all thoughts by id, and all links."""


def rollouts(samples: int = 8, *, target: str | None = None, solver: Agent | None = None) -> Valuation:
    """Value a step by the share of its rollouts, solutions finished from there, that come to the goal.

    A rollout that cannot be read counts as one that missed. A step that already answers is worth 1 or 0.

    Args:
        samples: Rollouts for each step, at least 1.
        target: The right answer, where it is known. Without one the goal is the answer that most rollouts and
            finished paths of the tree give, the first of several: self-consistency in disguise, and no proof.
        solver: Who finishes; None makes a solver at temperature 0.7.

    Raises:
        ConfigurationError: If there are no samples.
    """
    if samples < 1:
        raise ConfigurationError(f"a step is valued by at least 1 rollout, got {samples}")
    finisher = replace(solver or Solver("rollout", temperature=0.7), instruction=FINISH)

    def unfinished(siblings: Sequence[Path]) -> list[int]:
        return [place for place, path in enumerate(siblings) if path[-1].answer is None]

    def ask(siblings: Sequence[Path], asked: int) -> Agent:
        place, number = unfinished(siblings)[asked // samples], asked % samples + 1
        path, name = siblings[place], f"{finisher.name} {place + 1}.{number}"
        return told(finisher, so_far(path), name=name, about=path[-1:], kind="uses")

    def read(
        question: Question, groups: Sequence[Sequence[Path]], said: Mapping[str, Thought], links: Iterable[Link]
    ) -> Values:
        nodes = [path[-1] for group in groups for path in group]
        reached: dict[str, list[str | None]] = defaultdict(list)
        for link in links:
            if link.kind == "uses" and link.source in said:
                reached[link.target].append(question.canonical(said[link.source].answer))
        ends = [[question.canonical(one.answer)] if one.answer else reached[one.id] for one in nodes]
        counts = Counter(end for given in ends for end in given if end is not None)
        goal = question.canonical(target) if target else next(iter(counts.most_common(1)), (None,))[0]
        return {
            one.id: given.count(goal) / (1 if one.answer else samples) if goal is not None else 0.0
            for one, given in zip(nodes, ends, strict=True)
        }

    return Valuation(
        turns=lambda width: width * samples * finisher.turns,
        asks=lambda siblings: len(unfinished(siblings)) * samples,
        ask=ask,
        read=read,
    )


def scored(by: Agent | None = None) -> Valuation:
    """Value a step by the score that a verifier gives it, one turn each; 0 without a readable score.

    Args:
        by: Who scores, by the field `score` of its form; None makes a verifier.
    """
    verifier = replace(by or Verifier(), instruction=CHECK, view=lambda state: [])

    def ask(siblings: Sequence[Path], asked: int) -> Agent:
        path = siblings[asked]
        return replace(told(verifier, so_far(path)), name=f"{verifier.name} {asked + 1}", relate=_ruling(path[-1]))

    return Valuation(turns=lambda width: width * verifier.turns, asks=len, ask=ask, read=_scores)


def _ruling(step: Thought) -> Callable[[Thought, Sequence[Thought]], list[Link]]:
    def relate(thought: Thought, seen: Sequence[Thought]) -> list[Link]:
        kinds: dict[object, LinkKind] = {"supported": "verifies", "refuted": "attacks"}
        return [Link(source=thought.id, target=step.id, kind=kinds.get(thought.data.get("verdict"), "uses"))]

    return relate


def likely(by: str | Model | None = None) -> Valuation:
    """Value a step by how likely the model calls it right: one call of one token each, read by its log-probabilities.

    A model that names neither yes nor no gives the value 0. See `disputatio.agents.Likelihood` for the source. It needs
    a backend that gives log-probabilities.

    Args:
        by: Which model is asked; None takes the run's for the role "verifier".
    """

    def ask(siblings: Sequence[Path], asked: int) -> Likelihood:
        words, about = f"{so_far(siblings[asked])}\n\n{RIGHT}", siblings[asked][-1:]
        return Likelihood(words=words, about=about, name=f"likelihood {asked + 1}", model=by)

    return Valuation(turns=lambda width: width, asks=len, ask=ask, read=_scores)


def _scores(
    question: Question, groups: Sequence[Sequence[Path]], said: Mapping[str, Thought], links: Iterable[Link]
) -> Values:
    """The scores of what judges a node; 0 without one."""
    scores = {
        link.target: score
        for link in links
        if link.kind != "refines" and link.source in said and (score := said[link.source].score) is not None
    }
    return {path[-1].id: scores.get(path[-1].id, 0.0) for group in groups for path in group}


class Ballot(Form):
    """Which of several steps is the best."""

    best: str = Field(description="the number of the best step")


def voted(votes: int = 5, *, by: Agent | None = None) -> Valuation:
    """Value siblings by the share of votes for each (Yao et al. 2023, arXiv:2305.10601, section 3, "vote").

    Shares compare siblings and not levels: use it with a beam or depth first. A child without siblings is worth 1.

    Args:
        votes: Voters on each set of siblings, at least 1.
        by: Who votes, by the number in the field `best`; None makes a judge at temperature 0.7.

    Raises:
        ConfigurationError: If there are no votes.
    """
    if votes < 1:
        raise ConfigurationError(f"steps are valued by at least 1 vote, got {votes}")
    voter = by or Agent(
        name="voter", role="judge", instruction="", kind="vote", form=Ballot, view=lambda state: [], temperature=0.7
    )

    def ask(siblings: Sequence[Path], asked: int) -> Agent:
        steps = [path[-1] for path in siblings]
        listed = numbered(map(step_of, steps))
        asking = told(replace(voter, instruction=VOTE.format(listed=listed)), so_far(siblings[0][:-1]))
        return replace(asking, name=f"{voter.name} {asked + 1}", relate=_for("best", steps))

    return Valuation(
        turns=lambda width: votes * voter.turns if width > 1 else 0,
        asks=lambda siblings: votes if len(siblings) > 1 else 0,
        ask=ask,
        read=lambda question, groups, said, links: _supported(groups, links, lambda width: votes),
    )


class Preference(Form):
    """Which of two steps is the better one."""

    better: Annotated[Literal["1", "2"], naming(("1", "2"))] = Field(description="1 or 2")


def compared(by: Agent | None = None) -> Valuation:
    """Value siblings by the share of their comparisons that they win: all pairs, both orders, one turn each.

    Both orders let a judge's liking for the first place cancel out. A child without siblings is worth 1.

    Args:
        by: Who compares, by the field `better` of its form, "1" or "2"; None makes a judge at temperature 0.
    """
    judge = by or Agent(
        name="step judge",
        role="judge",
        instruction="",
        kind="vote",
        form=Preference,
        view=lambda state: [],
        temperature=0.0,
    )

    def ask(siblings: Sequence[Path], asked: int) -> Agent:
        place, other = list(permutations(range(len(siblings)), 2))[asked]
        pair = [siblings[place][-1], siblings[other][-1]]
        words = COMPARE.format(first=step_of(pair[0]), second=step_of(pair[1]))
        asking = told(replace(judge, instruction=words), so_far(siblings[0][:-1]))
        return replace(asking, name=f"{judge.name} {place + 1}-{other + 1}", relate=_for("better", pair))

    return Valuation(
        turns=lambda width: width * (width - 1) * judge.turns,
        asks=lambda siblings: len(siblings) * (len(siblings) - 1),
        ask=ask,
        read=lambda question, groups, said, links: _supported(groups, links, lambda width: 2 * (width - 1)),
    )


def _for(field: str, steps: Sequence[Thought]) -> Callable[[Thought, Sequence[Thought]], list[Link]]:
    """Link a vote to the step whose number it names; to none if it names none."""

    def relate(thought: Thought, seen: Sequence[Thought]) -> list[Link]:
        said = str(thought.data.get(field, "")).strip(" .#()").removeprefix("step ").split(".")[0]
        number = int(said) if said.isdecimal() and len(said) < 4 else 0
        return [Link(source=thought.id, target=one.id, kind="supports") for one in steps[number - 1 : number] if number]

    return relate


def _supported(groups: Sequence[Sequence[Path]], links: Iterable[Link], most: Callable[[int], int]) -> Values:
    """The share of what a node could get, by the links that support it."""
    counts = Counter(link.target for link in links if link.kind == "supports")
    return {
        path[-1].id: counts[path[-1].id] / most(len(group)) if len(group) > 1 else 1.0
        for group in groups
        for path in group
    }
