"""Settlement: the last part of a debate, from the debaters' positions to the answer, by any decision rule.

poll -+-> ballot, one per debater (approval, rankings) ----+-> decide -> END
      +-> check, one per distinct answer (scores) ---------+
judge -> END                                (a judge decides; where it abstains, the positions are counted)
decide -> END                               (all other rules)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.graph import END
from langgraph.runtime import Runtime
from langgraph.types import Send

from disputatio.agents.agent import Agent
from disputatio.context import Context
from disputatio.graphs.ballots import candidates, marked, voter
from disputatio.graphs.conclude import own_answer, positions, settled, votes
from disputatio.graphs.decisions import RULES, Tally, plurality, unanimity
from disputatio.graphs.wiring import Graph
from disputatio.question import Question
from disputatio.state import Output, State, Update
from disputatio.thought import Answer, Thought


class Poll(State):
    """What one voter, or the check of one answer, sees."""

    place: int
    """Which debater votes, or which distinct answer is checked, from 0."""


@dataclass(frozen=True)
class Settlement:
    """How a panel's debate is settled."""

    panel: Sequence[Agent]
    rule: str
    judge: Agent
    verifier: Agent
    rounds: int = 0
    """The rounds that are spoken unless all agree before."""

    @property
    def names(self) -> list[str]:
        """The debaters' names, in seat order."""
        return [agent.name for agent in self.panel]

    @property
    def needs(self) -> str:
        """What the rule needs beyond answers."""
        return RULES[self.rule].needs

    @property
    def entry(self) -> str:
        """The node that a debate goes to when its rounds are over."""
        fans_out = self.needs in ("approvals", "rankings", "scores")
        return "poll" if fans_out else "judge" if self.needs == "judge" else "decide"

    @property
    def turns(self) -> int:
        """The most turns that the settlement takes."""
        asked = {
            "approvals": len(self.panel),
            "rankings": len(self.panel),
            "scores": len(self.panel) * self.verifier.turns,
            "judge": self.judge.turns,
        }
        return asked.get(self.needs, 0)

    def add_to(self, graph: Graph) -> None:
        """Add the nodes and edges from `entry` to the end."""
        if self.needs == "judge":
            graph.add_node("judge", self.ruling)
            graph.add_edge("judge", END)
            return
        graph.add_node("decide", self.decide)
        graph.add_edge("decide", END)
        if self.entry == "poll":
            asked, ask = ("check", self.check) if self.needs == "scores" else ("ballot", self.ballot)
            graph.add_node("poll", _pass)
            graph.add_node(asked, ask)
            graph.add_conditional_edges("poll", self.fan_out, [asked, "decide"])
            graph.add_edge(asked, "decide")

    def held(self, state: State) -> dict[str, Thought]:
        """Each debater's position."""
        return positions(state.get("thoughts", []), Question.of(state["question"]), self.names)

    def agreed(self, state: State) -> bool:
        """Whether all debaters gave the same answer in the round that was spoken last."""
        question, names = Question.of(state["question"]), self.names
        current = [one for one in state.get("thoughts", []) if one.author in names and one.round == state["round"] > 0]
        given = votes(positions(current, question, names), question, names)
        return unanimity(list(given.values())).winner is not None

    def fan_out(self, state: State) -> str | list[Send]:
        """One ballot a debater, or one check a distinct answer; nothing where nobody answered."""
        listed = len(candidates(self.held(state).values(), Question.of(state["question"])))
        node, places = ("check", listed) if self.needs == "scores" else ("ballot", len(self.panel))
        sends = [Send(node, Poll(**{**state, "place": place})) for place in range(places)]
        return sends if listed and sends else "decide"

    async def ballot(self, state: Poll, runtime: Runtime[Context]) -> Update:
        """Let one debater vote."""
        listed = candidates(self.held(state).values(), Question.of(state["question"]))
        return await voter(self.panel[state["place"]], self.needs, list(listed.values()))(state, runtime)

    async def check(self, state: Poll, runtime: Runtime[Context]) -> Update:
        """Let the verifier score one distinct answer, by the words of its first holder."""
        question, held = Question.of(state["question"]), self.held(state)
        value = list(candidates(held.values(), question))[state["place"]]
        holder = next(one for one in held.values() if question.canonical(one.answer) == value)
        subject = State(question=question, thoughts=[holder], round=state["round"])
        return await self.verifier(subject, runtime)

    async def ruling(self, state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        """Let the judge decide."""
        update = await self.judge(state, runtime)
        question = Question.of(state["question"])
        answer = own_answer(next(iter(update.get("thoughts", [])[-1:]), None), question)
        if answer.abstained:
            answer = self.answer(plurality(self._votes(state)), state, runtime.context.seed)
        elif self._ending(state) == "agreed":
            answer = answer.model_copy(update={"stop_reason": "agreed"})
        return {**update, "answer": answer}

    def decide(self, state: State, runtime: Runtime[Context]) -> Output:
        """Count what was collected."""
        return {"answer": self.answer(self.tally(state), state, runtime.context.seed)}

    def answer(self, tally: Tally, state: State, seed: int | None) -> Answer:
        """The answer that a tally of this debate comes to."""
        ending = self._ending(state)
        return settled(tally, self.held(state), Question.of(state["question"]), seed=seed, stop_reason=ending)

    def tally(self, state: State) -> Tally:
        """The vote by the rule, over what the state holds."""
        question, held = Question.of(state["question"]), self.held(state)
        given, decide = self._votes(state), RULES[self.rule].decide
        assert decide is not None, "a judge's debate has no tally"
        match self.needs:
            case "confidences":
                return decide(given, [held[name].confidence if name in held else None for name in self.names])
            case "scores":
                scores = self._scores(state)
                return decide(given, [scores.get(vote or "", 0.0) for vote in given])
            case "approvals":
                return decide(self._ballots(state))
            case "rankings":
                return decide(self._ballots(state), list(candidates(held.values(), question)))
            case "attacks":
                return decide(dict(zip(self.names, given, strict=True)), self._attacks(state))
            case _:
                return decide(given)

    def _ending(self, state: State) -> str:
        """Nothing but agreement ends a debate before its last round."""
        return "agreed" if state.get("round", 0) < self.rounds else "finished"

    def _votes(self, state: State) -> list[str | None]:
        return list(votes(self.held(state), Question.of(state["question"]), self.names).values())

    def _ballots(self, state: State) -> list[list[str] | None]:
        question = Question.of(state["question"])
        values = list(candidates(self.held(state).values(), question))
        cast = {one.author: one for one in state.get("thoughts", []) if one.kind == "vote"}
        return [marked(cast.get(name), values, question) for name in self.names]

    def _scores(self, state: State) -> dict[str, float]:
        """What the verifier gave each distinct answer; 0 where it could not be read."""
        question = Question.of(state["question"])
        by_id = {one.id: one for one in state.get("thoughts", [])}
        return {
            value: by_id[link.source].score or 0.0
            for link in state.get("links", [])
            if link.source in by_id and by_id[link.source].author == self.verifier.name and link.target in by_id
            if (value := question.canonical(by_id[link.target].answer)) is not None
        }

    def _attacks(self, state: State) -> list[tuple[str, str]]:
        """Whose last words dispute whom."""
        by_id = {one.id: one for one in state.get("thoughts", [])}
        last = {one.author: one.id for one in state.get("thoughts", []) if one.author in self.names}
        return [
            (by_id[link.source].author, by_id[link.target].author)
            for link in state.get("links", [])
            if link.kind == "attacks" and link.target in by_id and link.source in last.values()
        ]


def _pass(state: State) -> dict[str, Any]:
    """Wait for all debaters."""
    return {}
