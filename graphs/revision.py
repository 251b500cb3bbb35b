"""Revision: the loop of checking a draft and writing it anew, which several strategies share.

draft -+-> criticise -+-> conclude             the critic accepts, or nothing was said
       |              +-> revise -> criticise  ... until the rounds are used
       +-> revise -+-> conclude                without a critic
                   +-> revise
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.graph import END, START
from langgraph.runtime import Runtime

from disputatio.agents.agent import Agent
from disputatio.context import Context
from disputatio.graphs.compose import Part, nested, turns_of
from disputatio.graphs.conclude import own_answer, reported
from disputatio.graphs.wiring import Graph, new_graph
from disputatio.question import Question
from disputatio.state import Output, State, Update
from disputatio.strategies import Strategy
from disputatio.thought import Answer, Thought

Reviser = Callable[[int, int], Agent]
"""Who writes anew in a round, counted from 1; the second number is the run's seed."""


def never(draft: Thought, critique: Thought | None) -> bool:
    """Accept no draft."""
    return False


def latest(drafts: Sequence[Thought], question: Question) -> Thought | None:
    """The last draft with a readable answer, or else the last one."""
    readable = [draft for draft in drafts if question.canonical(draft.answer) is not None]
    return (readable or [*drafts])[-1] if drafts else None


def draft_and_critique(draft: Thought, drafts: Sequence[Thought], critique: Thought | None) -> list[Thought]:
    """Show the reviser the draft that stands, and what was found on it."""
    return [draft, critique] if critique else [draft]


@dataclass(frozen=True, kw_only=True)
class Revision:
    """A draft, those who check it, those who write it anew, and when that ends."""

    draft: Part | Callable[[int], Agent]
    """Who writes first, or a draw of that by the run's seed. A strategy's draft is its conclusion."""
    revise: Reviser
    authors: Sequence[str]
    """The names of all who can write a draft."""
    rounds: int
    critic: Agent | None = None
    """Who checks the draft that stands; it sees that and nothing else."""
    accepts: Callable[[Thought, Thought | None], bool] = never
    """Whether the draft that stands is good enough, given the critique of it if there is one."""
    keep: Callable[[Sequence[Thought], Question], Thought | None] = latest
    """Which of the drafts stands."""
    show: Callable[[Thought, Sequence[Thought], Thought | None], Sequence[Thought]] = draft_and_critique
    """What the reviser sees, given the draft that stands, all drafts, and the critique."""
    prepare: Callable[[Thought], Thought] = lambda draft: draft
    """How the critic is shown a draft."""

    @property
    def turns(self) -> int:
        """The most turns that it takes."""
        first = self.draft if isinstance(self.draft, Agent | Strategy) else self.draft(0)
        checks = self.rounds * self.critic.turns if self.critic else 0
        return turns_of(first, *(self.revise(number, 0) for number in range(1, self.rounds + 1))) + checks

    def graph(self, conclude: Callable[..., Any] | None = None) -> Graph:
        """The graph of the loop, which ends with a node that answers; None answers with the draft that stands."""
        graph, final = new_graph(), conclude or self.conclude
        then, step = final.__name__, "criticise" if self.critic else "revise"
        first = nested(self.draft, self.draft.name) if isinstance(self.draft, Strategy) else self._draft
        graph.add_node("draft", first).add_node("revise", self._revise).add_edge(START, "draft")
        graph.add_conditional_edges("draft", self._route(step, then), [step, then])
        graph.add_conditional_edges("revise", self._route(step, then), [step, then])
        if self.critic:
            graph.add_node("criticise", self._criticise)
            graph.add_conditional_edges("criticise", self._verdict(then), ["revise", then])
        return graph.add_node(then, final).add_edge(then, END)

    def conclude(self, state: State) -> Output:
        """Answer with the draft that stands."""
        return {"answer": self.answer(state)}

    def drafts(self, state: State) -> list[Thought]:
        """All drafts, the first one first."""
        said = [one for one in state.get("thoughts", []) if one.author in self.authors]
        return [one for one in said if one.kind != "observation"]  # of those whose prompt was too long

    def standing(self, state: State) -> Thought | None:
        """The draft that stands."""
        return self.keep(self.drafts(state), Question.of(state["question"]))

    def critique(self, state: State) -> Thought | None:
        """The critique of the draft that stands, if there is one."""
        found = [
            one
            for one in state.get("thoughts", [])
            if self.critic and one.author == self.critic.name and one.round == state.get("round", 0) + 1
        ]
        return found[-1] if found else None

    def answer(self, state: State) -> Answer:
        """The answer of the draft that stands, with the number of revisions."""
        answer = own_answer(self.standing(state), Question.of(state["question"]))
        return reported(answer, {"revisions": state.get("round", 0)})

    async def _draft(self, state: State, runtime: Runtime[Context]) -> Update:
        assert not isinstance(self.draft, Strategy)
        author = self.draft if isinstance(self.draft, Agent) else self.draft(runtime.context.seed or 0)
        return await author(state, runtime)

    async def _criticise(self, state: State, runtime: Runtime[Context]) -> Update:
        draft = self.standing(state)
        assert self.critic is not None
        assert draft is not None
        shown = State(question=state["question"], thoughts=[self.prepare(draft)], round=state.get("round", 0) + 1)
        return await self.critic(shown, runtime)

    async def _revise(self, state: State, runtime: Runtime[Context]) -> Update:
        number, draft = state.get("round", 0) + 1, self.standing(state)
        assert draft is not None
        reviser = self.revise(number, runtime.context.seed or 0)
        plans = [one for one in state.get("thoughts", []) if one.kind == "plan"]
        seen = [*plans, *self.show(draft, self.drafts(state), self.critique(state))]
        said = await reviser(State(question=state["question"], thoughts=seen, round=number), runtime)
        return {**said, "round": number}

    def _route(self, step: str, then: str) -> Callable[[State], Any]:
        # Async, because LangGraph moves a sync function into a thread for each call.
        async def after_draft(state: State) -> str:
            draft = self.standing(state)
            if draft is None or state.get("round", 0) >= self.rounds:
                return then
            return then if not self.critic and self.accepts(draft, None) else step

        return after_draft

    def _verdict(self, then: str) -> Callable[[State], Any]:
        async def after_critique(state: State) -> str:
            draft, critique = self.standing(state), self.critique(state)
            return then if draft is None or critique is None or self.accepts(draft, critique) else "revise"

        return after_critique
