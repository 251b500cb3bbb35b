"""ChatRule: a model proposes rules from sampled paths of a knowledge graph, which scores them; a judge checks them.

START -+-> sample -> propose, all at once -> rank -> judge, all at once -> conclude -> END
       +-> answer -> END                                                   there is no graph, as a baseline
"""

from collections.abc import Sequence
from random import Random
from typing import Any

from langgraph.graph import END, START
from langgraph.runtime import Runtime
from langgraph.types import Send

from disputatio.agents.agent import Agent
from disputatio.agents.rule_proposer import RuleJudge, RuleProposer
from disputatio.agents.solver import Solver
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs.compose import turns_of
from disputatio.graphs.conclude import own_answer, reported
from disputatio.graphs.speaking import last_of, told
from disputatio.graphs.strategies.mined_rules import Mine, Wanted
from disputatio.graphs.wiring import Graph, Seat, all_at_once, new_graph
from disputatio.memory.knowledge_graph import KnowledgeGraph, Step
from disputatio.memory.knowledge_graph_formats import open_graph
from disputatio.memory.rules import Rule, Weight
from disputatio.question import Question
from disputatio.state import Output, State, Update
from disputatio.strategies import strategy
from disputatio.thought import Thought

SAMPLES = """\
Relations of the graph: {relations}

The relation to conclude: {head}

Sequences of relations that lead from X to Y where it holds:
{samples}"""


Body = list[tuple[str, bool]]
"""The steps of a rule's body, as the state keeps them: relation, and whether it is turned around."""


class Mining(Seat):
    """The state of the strategy; `place` is that of one proposer or judge."""

    heads: list[str]
    """The relations that rules are wanted for."""
    samples: dict[str, list[Body]]
    """Sequences of relations found for each."""
    rules: list[tuple[str, Body]]
    """The rules that were ranked."""
    refused: list[str]


def _turns(
    graph: KnowledgeGraph | str | None,
    relations: Sequence[str] | str | None,
    generations: int,
    most: int,
    validate: bool,
    proposer: Agent | None,
    judge: Agent | None,
    **_: Any,
) -> int:
    if graph is None:
        return 1
    heads = 1 if relations is None or isinstance(relations, str) else len(relations)
    return heads * (generations * turns_of(proposer) + most * turns_of(judge) * validate)


@strategy(source="Luo et al. 2023, arXiv:2309.01538, section 3; defaults of the released code", calls=_turns)
def chatrule(
    graph: KnowledgeGraph | str | None = None,
    *,
    relations: Sequence[str] | str | None = None,
    entity: str | None = None,
    wanted: Wanted = "tail",
    anchors: int = 5,
    shown: int = 5,
    generations: int = 3,
    max_length: int = 3,
    most: int = 20,
    sampled: bool = False,
    validate: bool = True,
    weight: Weight = "pca",
    proposer: Agent | None = None,
    judge: Agent | None = None,
) -> Graph:
    """Mine rules for a relation of a graph and predict by them what the graph does not hold.

    Costs generations calls a relation, and one more for each rule that is validated. The answer is the entity that
    the rules speak for most among those that the graph does not already hold as a fact; without an entity it is the
    best rule. Scores are counted over the whole graph, never guessed.

    Args:
        graph: A knowledge graph, or the path of a file that `read_graph` reads; None has no rules, and the question is
            answered in one call, as a baseline.
        relations: The relations to mine rules for; None takes the first that the question names. If it names none, the
            answer is undecided and its rationale tells the relations.
        entity: Whose missing fact is predicted, for the first relation; None takes the first that the question names.
        wanted: Whether the tail or the head of that fact is missing.
        anchors: How many facts of the relation are drawn to sample paths from, at least 1.
        shown: How many of the sampled sequences each prompt shows, at least 1.
        generations: How often the model is asked for rules of one relation, at least 1.
        max_length: The most relations of a rule's body, at least 1.
        most: The most rules of one relation that are kept, the best by `weight`.
        sampled: Whether the sampled sequences are candidates themselves, besides what the model proposes; not in the
            paper, and of use with a model that cannot write rules.
        validate: Whether a judge, who sees no scores, throws out rules that make no sense.
        weight: What counts: "support", "coverage", "confidence" or "pca" (confidence among known subjects).
        proposer: Who proposes; None makes a rule proposer.
        judge: Who validates; None makes a rule judge.

    Raises:
        ConfigurationError: If a number or the weight is not allowed, or the graph has no such relation or entity.
        StoreError: If the graph cannot be read.

    Departs from the paper: all sequences between the anchors' ends are found instead of a random walk's, and drawn
    from; rules without support are dropped before they are validated, and at most `most` are kept; near duplicates
    are not summed up by a further call. Prompts are ours, and begin with the question.
    """
    if min(anchors, shown, generations, max_length, most) < 1:
        given = f"{anchors=}, {shown=}, {generations=}, {max_length=}, {most=}"
        raise ConfigurationError(f"the numbers of chatrule are at least 1, got {given}")
    mine = Mine(open_graph(graph), weight, wanted)
    named = [relations] if isinstance(relations, str) else relations
    mine.check(named or [])
    about = mine.graph.find(entity) if entity is not None else None
    proposing, judging = proposer or RuleProposer(length=max_length), judge or RuleJudge()

    async def sample(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        heads = mine.relation_in(Question.of(state["question"]).text) if named is None else list(named)
        seed = runtime.context.seed or 0
        return {"heads": heads, "samples": {head: mine.sampled(head, anchors, max_length, seed) for head in heads}}

    async def propose(state: Mining, runtime: Runtime[Context]) -> Update:
        head = state["heads"][(state["place"] - 1) // generations]
        samples = state["samples"][head]
        draw = Random(f"{runtime.context.seed or 0} {state['place'] - 1}")
        drawn = [_steps(one) for one in draw.sample(samples, min(shown, len(samples)))]
        lines = ["- " + " & ".join(map(str, one)) for one in drawn] or ["- none was found"]
        words = SAMPLES.format(relations=", ".join(mine.rules.relations), head=head, samples="\n".join(lines))
        return await told(proposing, words, name=_name(proposing, state))(_before(state), runtime)

    async def rank(state: Mining) -> dict[str, Any]:
        ranked: list[tuple[str, Body]] = []
        refused: list[str] = []
        for at, head in enumerate(state["heads"]):
            names = [f"{proposing.name} {at * generations + number + 1}" for number in range(generations)]
            text = "\n".join(_written(one) for one in state.get("thoughts", []) if one.author in names)
            others = [Rule(head, _steps(body)) for body in state["samples"][head]] if sampled else []
            kept, unfit = mine.ranked(text, head, others, max_length=max_length, most=most)
            ranked += [(rule.head, [(step.relation, step.inverse) for step in rule.body]) for rule in kept]
            refused += unfit
        return {"rules": ranked, "refused": refused}

    async def validated(state: Mining, runtime: Runtime[Context]) -> Update:
        rule = _rules(state)[state["place"] - 1]
        agent = told(judging, f"{rule}\n{rule.words(mine.graph)}", name=_name(judging, state))
        return await agent(_before(state), runtime)

    async def conclude(state: Mining) -> Output:
        question, rules = Question.of(state["question"]), _rules(state)
        said = {one.author: one.data.get("verdict") for one in state.get("thoughts", [])}
        unsound = [rule for at, rule in enumerate(rules, 1) if said.get(f"{judging.name} {at}") == "incorrect"]
        sound = [rule for rule in rules if rule not in unsound]
        asked = about or next(iter(mine.graph.names.mentioned(question.text)), None)
        head = (state["heads"] or [""])[0]
        answer = mine.answer([rule for rule in sound if rule.head == head], head, asked, question)
        report = {
            "rules": [mine.reported(rule) for rule in sound],
            "unsound": [str(rule) for rule in unsound],
            "refused": [*state.get("refused", [])],
        }
        return {"answer": reported(answer, report)}

    def proposals(state: Mining) -> list[Send] | str:
        return all_at_once("propose", state, len(state["heads"]) * generations) or "conclude"

    def validations(state: Mining) -> list[Send] | str:
        return all_at_once("judge", state, len(state["rules"]) * validate) or "conclude"

    wired = (
        new_graph(sample, propose, rank).add_node("judge", validated).add_node("answer", _answered).add_node(conclude)
    )
    wired.add_conditional_edges("sample", proposals, ["propose", "conclude"])
    wired.add_conditional_edges("rank", validations, ["judge", "conclude"])
    wired.add_conditional_edges(START, lambda state: _first(graph), ["sample", "answer"])
    wired.add_edge("propose", "rank")
    return wired.add_edge("judge", "conclude").add_edge("answer", END).add_edge("conclude", END)


def _first(graph: KnowledgeGraph | str | None) -> str:
    return "answer" if graph is None else "sample"


async def _answered(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Answer without any rules."""
    said = await Solver()(state, runtime)
    return {**said, "answer": own_answer(last_of(said), Question.of(state["question"]))}


def _name(agent: Agent, state: Mining) -> str:
    return f"{agent.name} {state['place']}"


def _before(state: Mining) -> State:
    """What a proposer or judge sees: nothing that another one said."""
    return State(question=state["question"], thoughts=[one for one in state.get("thoughts", []) if one.kind == "plan"])


def _written(thought: Thought) -> str:
    """A proposer's words, with the rules of its form where they are in no line of their own."""
    listed = thought.data.get("rules")
    return "\n".join([thought.text, *map(str, listed if isinstance(listed, list) else [])])


def _rules(state: Mining) -> list[Rule]:
    return [Rule(head, _steps(body)) for head, body in state.get("rules", [])]


def _steps(body: Body) -> tuple[Step, ...]:
    return tuple(Step(*step) for step in body)
