"""Corex debate: two teams settle the question each by itself; a judge is asked only where they differ.

START -> draw -> member, all at once -> gather -+-> member, the next round     while the teams differ
                                                +-> judge -> END               where they still do in the end
                                                +-> conclude -> END            they agree, or one alone has a view
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Literal

from langgraph.graph import END, START
from langgraph.runtime import Runtime
from langgraph.types import Send

from disputatio.agents.agent import Agent
from disputatio.agents.judge import Judge, upholding
from disputatio.context import Context
from disputatio.errors import ConfigurationError, unknown
from disputatio.graphs.conclude import own_answer, positions, reported
from disputatio.graphs.speaking import last_of
from disputatio.graphs.strategies.debate import panel_of
from disputatio.graphs.wiring import Graph, new_graph
from disputatio.memory.transcript import everything
from disputatio.question import Question
from disputatio.state import Output, State, Update
from disputatio.strategies import strategy
from disputatio.thought import Answer, Thought

JUDGE = """\
You are the judge. Two teams have worked on the question apart from one another; above stands what each of them held \
after each round. Decide whose reasoning is sounder and say why. Then give the answer: that of the sounder team, or \
your own if both are wrong."""
TEAMS = ("green team", "blue team")

Split = Literal["none", "random"]


class Match(State, total=False):
    """State of one debate of two teams."""

    teams: dict[str, list[str]]
    """The names of each team's members."""
    judge: str
    """Which of the agents was drawn as the judge."""
    next: str
    """The node that comes after the round."""


class Seat(State):
    """What one member sees: of all that was said, only what its own team holds."""

    member: str


def drawn(names: Sequence[str], seed: int) -> tuple[str, dict[str, list[str]]]:
    """Draw the judge and the two teams; of an odd number the blue team gets one more."""
    judge, *order = Random(f"corex debate/{seed}").sample(names, len(names))
    half = len(order) // 2
    return judge, {TEAMS[0]: sorted(order[:half]), TEAMS[1]: sorted(order[half:])}


def view(said: Sequence[Thought], team: Sequence[str], question: Question, draw: Random | None) -> Thought | None:
    """What a team holds: the words of its first member for the answer that most of its members give.

    One that is split evenly holds nothing, or one of the tied answers if there is a draw.
    """
    held = positions(said, question, team)
    counts = Counter(question.canonical(one.answer) or "" for one in held.values())
    leading = sorted(answer for answer, count in counts.items() if count == max(counts.values()))
    if not leading or (len(leading) > 1 and draw is None):
        return None
    chosen = draw.choice(leading) if draw and len(leading) > 1 else leading[0]
    return next(one for one in held.values() if question.canonical(one.answer) == chosen)


def shown_to_judge(state: Match, question: Question, views: dict[str, Thought | None]) -> list[Thought]:
    """What each team held after each round, under its team's name; of one that was split, the words of each member."""
    shown: list[Thought] = []
    for now in range(1, state["round"] + 1):
        said = [one for one in state["thoughts"] if one.round <= now]
        for team in TEAMS:
            held = view(said, state["teams"][team], question, None) or (now == state["round"] and views[team])
            words = [held] if held else positions(said, question, state["teams"][team]).values()
            shown += [one.model_copy(update={"author": team, "round": now}) for one in words]
    return shown


@dataclass(frozen=True)
class Contest:
    """The nodes of a debate of two teams."""

    panel: Mapping[str, Agent]
    judge: Agent
    rounds: int
    split: Split

    def views(self, state: Match, seed: int | None) -> dict[str, Thought | None]:
        """What each team holds now."""
        is_last = self.split == "random" and state["round"] > self.rounds
        draws = {team: Random(f"split/{team}/{seed}") if is_last else None for team in TEAMS}
        said, question = state.get("thoughts", []), Question.of(state["question"])
        return {team: view(said, members, question, draws[team]) for team, members in state["teams"].items()}

    async def draw(self, state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        """Draw the judge and the teams."""
        chosen, teams = drawn(list(self.panel), runtime.context.seed or 0)
        return {"judge": chosen, "teams": teams}

    async def member(self, state: Seat, runtime: Runtime[Context]) -> Update:
        """Let one member speak."""
        return await self.panel[state["member"]](state, runtime)

    async def gather(self, state: Match, runtime: Runtime[Context]) -> dict[str, Any]:
        """Count the round, and see what comes after it."""
        question, now = Question.of(state["question"]), state.get("round", 0) + 1
        held = self.views({**state, "round": now}, runtime.context.seed)
        answers = {question.canonical(one.answer) if one else None for one in held.values()}
        is_silent = not positions(state.get("thoughts", []), question, list(self.panel))
        if answers != {None} and len(answers) == 1:
            return {"round": now, "next": "conclude"}
        if now <= self.rounds:
            return {"round": now, "next": "member"}
        return {"round": now, "next": "conclude" if is_silent or (None in answers and answers != {None}) else "judge"}

    async def go_on(self, state: Match) -> str | list[Send]:
        """The members' next round, or else the end."""
        if state.get("next", "member") != "member":
            return state["next"]
        question, said, seats = Question.of(state["question"]), state.get("thoughts", []), []
        plans = [one for one in said if one.kind == "plan"]
        for members in state["teams"].values():
            own = [*plans, *positions(said, question, members).values()]
            now = state.get("round", 0) + 1
            seats += [Seat(question=question, thoughts=own, round=now, member=name) for name in members]
        return [Send("member", one) for one in sorted(seats, key=lambda one: list(self.panel).index(one["member"]))]

    def report(self, answer: Answer, state: Match, *, judged: bool) -> Answer:
        """The answer with how it came about."""
        data = {"teams": dict(state["teams"]), "judge": state["judge"], "judged": judged, "rounds": state["round"] - 1}
        return reported(answer, data)

    async def decide(self, state: Match, runtime: Runtime[Context]) -> dict[str, Any]:
        """Let the judge decide between what the teams hold."""
        question, held = Question.of(state["question"]), self.views(state, runtime.context.seed)
        agent = self.panel[state["judge"]]
        ruling = replace(
            self.judge, name=agent.name, model=agent.model, instruction=JUDGE, form=upholding(TEAMS), view=everything
        )
        seen = State(question=question, thoughts=shown_to_judge(state, question, held), round=state["round"] + 1)
        update = await ruling(seen, runtime)
        answer = own_answer(last_of(update), question)
        if answer.abstained:
            answer = own_answer(_better_supported(state, held, question), question)
        return {**update, "answer": self.report(answer, state, judged=True)}

    async def conclude(self, state: Match, runtime: Runtime[Context]) -> Output:
        """Answer as the teams agree, or as the only one does that has a view."""
        held = [one for one in self.views(state, runtime.context.seed).values() if one]
        answer = own_answer(held[0] if held else None, Question.of(state["question"]))
        if len(held) == 2:
            answer = answer.model_copy(update={"stop_reason": "agreed"})
        return {"answer": self.report(answer, state, judged=False)}


def _most_turns(agents: int | Sequence[Agent], rounds: int, split: Split, judge: Agent | None) -> int:
    turns = [agent.turns for agent in panel_of(agents)]
    return (rounds + 1) * (sum(turns) - min(turns, default=0)) + (judge or Judge()).turns


@strategy(source="Sun et al. 2023, arXiv:2310.00280 (Corex), Debate mode", calls=_most_turns)
def corex_debate(
    agents: int | Sequence[Agent] = 5, *, rounds: int = 3, split: Split = "none", judge: Agent | None = None
) -> Graph:
    """Let two teams debate, each among its own members, and a judge decide if they come to differ.

    Members never read the other team. Most calls: (agents - 1) * (rounds + 1) + 1; a judge is asked only where the
    teams differ after the last round, or both are split.

    Args:
        agents: How many, or the agents themselves, at least 3; the judge and the teams are drawn from them by seed.
        rounds: How often members read their own team and answer again after their first answers, at least 0.
        split: What a team holds whose members are evenly split in the end: nothing ("none") or one of the tied
            answers ("random").
        judge: How the judge decides; its name and model are those of the agent that was drawn. None makes one.

    Raises:
        ConfigurationError: If there are fewer than three agents, two have one name, or a setting is not known.

    Departs from the paper: the number of rounds is our own; a reply without a readable answer leaves the member's
    earlier answer in force, or else abstains; where the judge cannot be read, the team with more supporters wins, then
    the green one. Prompts are reworded.
    """
    panel, deciding = panel_of(agents), judge or Judge()
    if len(panel) < 3 or rounds < 0:
        raise ConfigurationError(f"corex_debate needs 3 agents and 0 rounds at least, got {len(panel)} and {rounds}")
    if split not in ("none", "random"):
        raise unknown("rule for a split team", split, ("none", "random"))
    contest = Contest({agent.name: agent for agent in panel}, deciding, rounds, split)
    graph = new_graph(contest.draw, contest.member, contest.gather, state=Match)
    graph.add_node("judge", contest.decide).add_node(contest.conclude)
    graph.add_conditional_edges("draw", contest.go_on, ["member"])
    graph.add_conditional_edges("gather", contest.go_on, ["member", "judge", "conclude"])
    graph.add_edge(START, "draw").add_edge("member", "gather")
    return graph.add_edge("judge", END).add_edge("conclude", END)


def _better_supported(state: Match, held: dict[str, Thought | None], question: Question) -> Thought | None:
    """The view of the team with more members behind it, or else of the first; of split teams, any first answer."""
    said = positions(state.get("thoughts", []), question, [name for team in TEAMS for name in state["teams"][team]])
    given = [question.canonical(one.answer) for one in said.values()]
    backed = [one for one in held.values() if one] or list(said.values())
    return max(backed, key=lambda one: given.count(question.canonical(one.answer)), default=None)
