"""Meta-strategy: outcomes of earlier problems tell which strategy to try first.

START -> select -> one strategy -> check -+-> conclude -> END    right, or nothing left to try
           ^                              |
           +------------------------------+                       wrong, and refinement is on
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from random import Random
from typing import Any
from uuid import uuid4
from zlib import crc32

from langgraph.graph import END, START
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore

from disputatio.agents.agent import Agent
from disputatio.agents.verifier import Verifier
from disputatio.context import Context
from disputatio.errors import ConfigurationError, ModelError, unknown
from disputatio.graphs.bandit import Attempt, Policy, Table, choose
from disputatio.graphs.compose import Part, nested, numbered, turns_of
from disputatio.graphs.conclude import reported
from disputatio.graphs.escalate import approves
from disputatio.graphs.learning import Outcome
from disputatio.graphs.speaking import last_of
from disputatio.graphs.strategies.chain_of_thought import chain_of_thought
from disputatio.graphs.strategies.explore_execute import explore_execute
from disputatio.graphs.strategies.self_consistency import self_consistency
from disputatio.graphs.wiring import Graph, joined, new_graph
from disputatio.question import Question
from disputatio.state import Output, State
from disputatio.strategies import strategy
from disputatio.thought import Answer

ARMS: tuple[Part, ...] = (chain_of_thought, explore_execute, self_consistency(samples=5))
POLICIES = ("thompson", "ucb1", "epsilon", "greedy")
MOST_EPISODES = 100_000


class Episode(State, total=False):
    """What the nodes share."""

    trail: list[dict[str, Any]]
    """The attempts so far, as JSON."""
    answers: dict[str, Answer]
    chosen: str


def _most_turns(strategies: tuple[Part, ...], outcome: Outcome | Agent | None, refine: bool, **others: object) -> int:
    check = 0 if outcome and not isinstance(outcome, Agent) else (outcome or Verifier()).turns
    turns = [turns_of(one) + check for one in strategies]
    return sum(turns) if refine else max(turns)


@strategy(
    source="after Liu et al. 2024, arXiv:2410.16128 (SMART): a table of outcomes in place of the fine-tuned policy",
    calls=_most_turns,
    remembers=True,
)
def smart_meta_strategy(
    *,
    strategies: tuple[Part, ...] = ARMS,
    outcome: Outcome | Agent | None = None,
    learn: bool = False,
    soft: bool = False,
    refine: bool = False,
    policy: Policy = "thompson",
    kind_of: Callable[[Question], str] | None = None,
    price: float = 0.0,
    table: str = "default",
) -> Graph:
    """Try the strategy first that has worked best on questions of this kind, and learn from how it went.

    Calls: those of one strategy and the check; with `refine` those of all at most. Outcomes are kept in the store that
    the graph runs with, under ("meta_strategy", table), one item an episode; without a store each run knows nothing.
    After a failure the next best of the others is tried, and what worked then is what is tried first later. A strategy
    whose model failed is counted apart, and the next one is tried. If none is right, that with the best record answers.

    Args:
        strategies: At least one; none is tried twice in a run.
        outcome: Tells whether an answer is right: a function that knows, or an agent that judges; None is a verifier.
        learn: Whether outcomes are added to the table; without it nothing changes, and the choice is by what is known.
        soft: Whether an agent's judgement, which may be wrong, counts as an outcome to learn from.
        refine: Whether another strategy is tried after a wrong answer.
        policy: How the first one is chosen: thompson (drawn by its chance to be best), ucb1, epsilon (one in ten at
            random) or greedy.
        kind_of: The kind of a question; kinds have tables of their own. None is the type of its answer.
        price: What 1,000 tokens are worth, in win rate.
        table: The name of the table.

    Raises:
        ConfigurationError: If there is no strategy, the policy is unknown, or it should learn from an agent's
            judgement and `soft` is not set.

    Departs from the paper: no model is trained. What the paper's policy learns by fine-tuning, the strategy for the
    first attempt from outcomes and the one that finally worked, is learned here by counts.
    """
    kind = kind_of or _kind_of
    meta = _Meta(tuple(strategies), outcome or Verifier(), learn, soft, refine, policy, kind, price, table)
    graph = new_graph(meta.select, meta.check, meta.conclude, state=Episode)
    graph.add_edge(START, "select").add_edge("conclude", END)
    graph.add_conditional_edges("select", _chosen, meta.names)
    for part, name in zip(strategies, meta.names, strict=True):
        graph.add_node(name, meta.attempt(part, name)).add_edge(name, "check")
    return graph.add_conditional_edges("check", meta.after, ["select", "conclude"])


@dataclass(frozen=True)
class _Meta:
    """The parameters of `smart_meta_strategy`, with what its nodes do."""

    strategies: tuple[Part, ...]
    judge: Outcome | Agent
    learn: bool
    soft: bool
    refine: bool
    policy: Policy
    kind_of: Callable[[Question], str]
    price: float
    table: str

    def __post_init__(self) -> None:
        if not self.strategies:
            raise ConfigurationError("a meta-strategy needs at least one strategy")
        if self.policy not in POLICIES:
            raise unknown("policy", self.policy, POLICIES)
        if self.learn and isinstance(self.judge, Agent) and not self.soft:
            raise ConfigurationError("an agent's judgement is no sure outcome; soft=True learns from it all the same")

    @property
    def names(self) -> list[str]:
        return numbered(self.strategies)

    async def select(self, state: Episode, runtime: Runtime[Context]) -> dict[str, Any]:
        kind, trail = self.kind_of(Question.of(state["question"])), state.get("trail", [])
        known = await self._known(runtime.store)
        seed = runtime.context.seed
        random = Random(None if seed is None else crc32(f"{seed}/{len(trail)}".encode()))
        policy: Policy = self.policy if self.learn else "greedy"
        used = [one["strategy"] for one in trail]
        return {"chosen": choose(known, kind, self.names, policy, random, used=used, price=self.price)}

    def attempt(self, part: Part, name: str) -> Callable[..., Any]:
        run, own = nested(part, name), {*self.names, *([self.judge.name] if isinstance(self.judge, Agent) else [])}

        async def node(state: Episode, runtime: Runtime[Context]) -> dict[str, Any]:
            trail, answers = state.get("trail", []), state.get("answers", {})
            given = [one for one in state.get("thoughts", []) if one.author not in own]
            first = len(runtime.context.thoughts)
            try:
                concluded = await run({**state, "thoughts": given}, runtime)
            except ModelError:
                if not self.refine or (len(trail) + 1 == len(self.names) and not answers):
                    raise
                return {"trail": [*trail, asdict(Attempt(name, 0.0, crashed=True))]}
            tokens = sum(one.usage.tokens for one in runtime.context.thoughts[first:])
            answered = {**answers, name: concluded["answer"]}
            tried = [*trail, asdict(Attempt(name, 0.0, tokens))]
            return {**joined(concluded), "trail": tried, "answers": answered}

        return node

    async def check(self, state: Episode, runtime: Runtime[Context]) -> dict[str, Any]:
        *before, last = state["trail"]
        answer = state.get("answers", {}).get(last["strategy"])
        if last["crashed"] or answer is None or answer.abstained:
            return {}
        if not isinstance(self.judge, Agent):
            score = float(self.judge(Question.of(state["question"]), answer))
            return {"trail": [*before, {**last, "outcome": min(max(score, 0.0), 1.0)}]}
        update = await self.judge(State(question=state["question"], thoughts=state["thoughts"][-1:]), runtime)
        verdict = last_of(update)
        score = 0.0 if verdict is None else float(approves(verdict)) if verdict.score is None else verdict.score
        return {**update, "trail": [*before, {**last, "outcome": score}]}

    async def after(self, state: Episode) -> str:
        trail = state["trail"]
        over = trail[-1]["outcome"] >= 0.5 or len(trail) == len(self.strategies) or not self.refine
        return "conclude" if over else "select"

    async def conclude(self, state: Episode, runtime: Runtime[Context]) -> Output:
        kind, trail, answers = self.kind_of(Question.of(state["question"])), state["trail"], state["answers"]
        known = await self._known(runtime.store)
        if self.learn and runtime.store:
            told = {"kind": kind, "trail": list(trail), "soft": isinstance(self.judge, Agent)}
            await runtime.store.aput(self._space, uuid4().hex, told, index=False)
        right = trail[-1]["outcome"] >= 0.5
        best = trail[-1]["strategy"] if right else max(answers, key=lambda name: known.mean(kind, name))
        report = {"trail": list(trail), "kind": kind, "verified": right, "by": best}
        return {"answer": reported(answers[best], report)}

    @property
    def _space(self) -> tuple[str, ...]:
        return ("meta_strategy", self.table)

    async def _known(self, store: BaseStore | None) -> Table:
        """The table, as the episodes in the store add up."""
        known = Table()
        for item in await store.asearch(self._space, limit=MOST_EPISODES) if store else ():
            known.add(item.value["kind"], [Attempt(**one) for one in item.value["trail"]])
        return known


def _kind_of(question: Question) -> str:
    return question.answer_type


async def _chosen(state: Episode) -> str:
    return state["chosen"]
