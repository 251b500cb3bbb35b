"""Tree search: steps are proposed, valued and built upon where a policy says so, until one answers.

    START -> choose -+-> expand, every child of every chosen node at once -> join -+-> judge, all at once -> choose
                     |                                                             +-> choose
                     +-> complete -> END

The tree is in the record: a step is a thought that refines the step before it, and what was said about a step is
linked to it.
"""

from dataclasses import replace

from langgraph.graph import END, START
from langgraph.runtime import Runtime
from langgraph.types import Send

from disputatio.agents.agent import Agent
from disputatio.agents.proposer import Proposer, so_far, step_of
from disputatio.agents.solver import Solver
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs.compose import turns_of
from disputatio.graphs.search import Policy, best_first, found, furthest
from disputatio.graphs.speaking import last_of, told
from disputatio.graphs.tree import Step, Tree, concluded, merged, nodes_of, paths_of, sets_of
from disputatio.graphs.valuation import FINISH, Valuation
from disputatio.graphs.wiring import Graph, new_graph
from disputatio.question import Question
from disputatio.state import State, Update
from disputatio.strategies import strategy
from disputatio.thought import Answer, Thought


class Branch(State):
    """What one proposer sees."""

    path: list[Thought]
    """The steps that it goes on from."""
    parent: str
    place: int
    """Which of those who propose now it is, from 1."""


class Siblings(State):
    """What one who values siblings sees."""

    paths: list[list[Thought]]
    asked: int
    """Which of the valuation's agents speaks, from 0."""
    place: int
    """Which of the sets of siblings that are valued now it is, from 1."""


class Born(Update, total=False):
    """What a proposer adds."""

    proposed: list[Step]


class End(Update, total=False):
    """What a search ends with."""

    answer: Answer


@strategy(
    source="Disputatio; the form is that of Yao et al. 2023, arXiv:2305.10601",
    calls=lambda value, policy, children, expansions, depth, proposer: (
        expansions * (children * turns_of(proposer) + value.turns(children)) + 1
    ),
)
def tree_search(
    value: Valuation,
    policy: Policy | None = None,
    *,
    children: int = 3,
    expansions: int = 10,
    depth: int | None = None,
    proposer: Agent | None = None,
) -> Graph:
    """Search a tree of solutions step by step: propose, value, and go on where the policy says.

    The answer is that of the most valuable path that has one. Where none was found, the most valuable partial
    solution is finished in one go. Costs at most expansions * (children + turns of the valuation) + 1 turns.

    Args:
        value: How steps are valued: `rollouts`, `scored`, `likely`, `voted` or `compared`.
        policy: Which steps are built upon: `best_first` (None), `beam`, `depth_first` or `monte_carlo`.
        children: Steps proposed at each node, at least 1; equal ones are merged, empty ones dropped.
        expansions: The most nodes that are built upon, at least 1.
        depth: The most steps of a path; None is no limit.
        proposer: Who proposes; None makes a proposer at temperature 0.7.

    Raises:
        ConfigurationError: If a number is too small.
    """
    for name, number in (("children", children), ("expansions", expansions), ("depth", depth)):
        if number is not None and number < 1:
            raise ConfigurationError(f"a tree search needs {name} of at least 1, got {number}")
    thinker, pick = proposer or Proposer(temperature=0.7), policy or best_first()

    def choose(state: Tree, runtime: Runtime[Context]) -> dict[str, object]:
        done = state.get("expanded", [])
        left = 0 if runtime.context.ledger.stopped else expansions - len(done)
        chosen = pick(nodes_of(state, value, depth))[:left] if left else []
        given = state.get("given", len(state.get("thoughts", [])))
        return {"given": given, "chosen": chosen, "expanded": [*done, *chosen]}

    async def expand(state: Branch, runtime: Runtime[Context]) -> Born:
        path = state["path"]
        agent = told(thinker, so_far(path), name=f"{thinker.name} {state['place']}", about=path[-1:])
        said = await agent(state, runtime)
        born = last_of(said)
        is_step = born is not None and bool(born.answer or step_of(born))
        return {**said, "proposed": [Step(id=born.id, parent=state["parent"], times=1)] if born and is_step else []}

    def join(state: Tree) -> dict[str, object]:
        said = {one.id: one for one in state.get("thoughts", [])}
        new = [step for step in state.get("proposed", []) if step["parent"] in state["chosen"]]
        return {"steps": [*state.get("steps", []), *merged(new, said, Question.of(state["question"]))]}

    async def judge(state: Siblings, runtime: Runtime[Context]) -> Update:
        agent, place = value.ask(state["paths"], state["asked"]), state["place"]
        return await (replace(agent, name=f"{agent.name} of {place}") if place > 1 else agent)(state, runtime)

    async def complete(state: Tree, runtime: Runtime[Context]) -> End:
        nodes = nodes_of(state, value, depth)
        paths = paths_of(state)
        if best := found(nodes):
            return {"answer": concluded(state, nodes, best, paths[best.id][-1], expansions)}
        far = furthest(nodes)
        finisher = _finisher(thinker, paths[far.id] if far else [])
        said = await finisher(_handed_in(state), runtime)
        return End(**said, answer=concluded(state, nodes, None, last_of(said), expansions))

    graph = new_graph(choose, expand, join, judge, complete, state=Tree)
    graph.add_edge(START, "choose")
    graph.add_conditional_edges("choose", lambda state: _branches(state, children), ["expand", "complete"])
    graph.add_edge("expand", "join")
    graph.add_conditional_edges("join", lambda state: _askings(state, value), ["judge", "choose"])
    graph.add_edge("judge", "choose")
    graph.add_edge("complete", END)
    return graph


def _branches(state: Tree, children: int) -> str | list[Send]:
    """One proposer for each child of each chosen node, all at once."""
    shown = _handed_in(state)
    paths = paths_of(state)
    branches = [(parent, paths[parent]) for parent in state["chosen"] for _ in range(children)]
    return [
        Send("expand", Branch(**shown, path=path, parent=parent, place=place))
        for place, (parent, path) in enumerate(branches, 1)
    ] or "complete"


def _askings(state: Tree, value: Valuation) -> str | list[Send]:
    """One speech for each agent that the valuation wants to hear about the new siblings, all at once."""
    known = paths_of(state)
    sets = [[known[one] for one in siblings] for siblings in sets_of(state, state["chosen"])]
    question, now = state["question"], len(state["expanded"])
    return [
        Send("judge", Siblings(question=question, thoughts=[], round=now, paths=paths, asked=asked, place=place))
        for place, paths in enumerate(sets, 1)
        for asked in range(value.asks(paths))
    ] or "choose"


def _handed_in(state: Tree) -> State:
    """What was there before the search; its round is how many nodes have been built upon."""
    before = state.get("thoughts", [])[: state["given"]]
    return State(question=state["question"], thoughts=before, round=len(state["expanded"]))


def _finisher(thinker: Agent, steps: list[Thought]) -> Agent:
    """Who goes on from a partial solution to the answer, without chance."""
    solver = Solver("finisher", instruction=FINISH, temperature=0.0) if steps else Solver("finisher", temperature=0.0)
    return told(replace(solver, model=thinker.model, view=thinker.view), so_far(steps), about=steps[-1:])
