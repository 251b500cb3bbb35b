"""Medprompt: near examples with chains of the model's own, and an ensemble that sees the choices in other orders.

START -> retrieve -> answer, all at once -> vote -> END
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from langgraph.graph import END, START
from langgraph.runtime import Runtime
from langgraph.types import Send

from disputatio.agents.agent import Agent
from disputatio.agents.demonstrations import Demonstration, shown
from disputatio.agents.solver import Solver
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs.conclude import last_by, reported, settled
from disputatio.graphs.decisions import plurality
from disputatio.graphs.strategies.chain_of_thought import FEW_SHOT
from disputatio.graphs.strategies.medprompt_examples import Example, nearest, read_examples
from disputatio.graphs.wiring import Graph, Seat, all_at_once, new_graph
from disputatio.memory.bag_of_words import Embed, bag_of_words, embedding
from disputatio.question import Question
from disputatio.state import Output, State, Update
from disputatio.strategies import strategy
from disputatio.thought import Thought

_REFERS = re.compile(
    r"\b(all|none|both|neither|any)\b.*\b(above|below|these|those)\b|^\(?[A-Z]\)?\s*(and|or|&)\s*\(?[A-Z]\)?$", re.I
)
"""A choice that names others by their place."""


class Member(Seat):
    """What one member of the ensemble sees."""

    examples: list[str]
    """The near examples as JSON."""


@strategy(
    source="Nori et al. 2023, arXiv:2311.16452, section 4; Nori et al. 2024, arXiv:2411.03590",
    calls=lambda ensemble, solver, **others: ensemble * (solver or Solver()).turns,
)
def medprompt(
    *,
    examples: Sequence[Example] | str = (),
    k: int = 5,
    ensemble: int = 5,
    shuffle: bool = True,
    temperature: float = 0.7,
    solver: Agent | None = None,
    embed: Embed | None = None,
) -> Graph:
    """Show near solved questions with chains of the model's own, ask with the choices in several orders, and vote.

    Calls: one for each member of the ensemble. The examples are made beforehand, by `with_chains`, for a call each.
    The choice with the most votes wins, the first of equals. The data holds each vote with its order.

    Args:
        examples: Solved questions with chains, or a file of them as JSON lines; without any, nothing is shown.
        k: How many of them are shown, from 0: those nearest to the question, and never the question itself.
        ensemble: How many members vote, at least 1.
        shuffle: Whether the members see the choices in other orders; where a choice names others by their place ("all
            of the above") nothing is shuffled. Questions without choices never are.
        temperature: Randomness of the members, from 0.
        solver: Who thinks; None makes a plain solver.
        embed: Texts to vectors; None is the embedded model, or bags of words where it is not installed, which the
            data says.

    Raises:
        ConfigurationError: If the ensemble is empty, k is negative, or a line of the file is no example.
        StoreError: If the file cannot be read.

    Departs from the paper: examples are a part of the prompt, not turns of a conversation, and the answer comes with
    the chain in one call. Where the ensemble is a multiple of the choices, each choice stands in each place equally
    often; else orders are those of the authors' code. The temperature is our own. Prompts are reworded.
    """
    if ensemble < 1 or k < 0:
        raise ConfigurationError(f"medprompt needs at least 1 member and 0 examples, got {ensemble} and {k}")
    known = read_examples(examples) if isinstance(examples, str) else list(examples)
    known = [one for one in known if one.chain]
    vectors, thinker = embedding(embed), replace(solver or Solver(), temperature=temperature)

    def orders(question: Question) -> list[tuple[int, ...]]:
        fixed = not shuffle or any(_REFERS.search(choice) for choice in question.choices)
        size = len(question.choices)
        return [tuple(range(size))] * ensemble if fixed or size < 2 else permutations(size, ensemble)

    async def retrieve(state: Member) -> dict[str, Any]:
        near = nearest(Question.of(state["question"]), known, k, vectors)
        return {"examples": [one.model_dump_json() for one in near]}

    async def fan_out(state: Member) -> list[Send]:
        return all_at_once("answer", state, ensemble)

    async def answer(state: Member, runtime: Runtime[Context]) -> Update:
        question, place = Question.of(state["question"]), state["place"]
        order = orders(question)[place - 1]
        told = [Example.model_validate_json(one) for one in state["examples"]]
        asked = question.model_copy(update={"choices": tuple(question.choices[place] for place in order)})
        moved = list(order) != sorted(order)
        member = replace(
            thinker,
            name=f"member {place}",
            instruction=_with_examples(told) if told else thinker.instruction,
            preface=f"(The choices stood in the order {_letters(order, question)}.)\n" if moved else "",
        )
        return await member(State(question=asked, thoughts=state.get("thoughts", [])), runtime)

    def vote(state: Member, runtime: Runtime[Context]) -> Output:
        question = Question.of(state["question"])
        held: dict[str, Thought] = {}
        votes: list[dict[str, Any]] = []
        for number, order in enumerate(orders(question), 1):
            said = last_by(state, f"member {number}")
            given = unshuffled(said.answer if said else None, question, order)
            if said and given is not None:
                held[said.author] = said.model_copy(update={"answer": given})
            votes.append({"order": list(order), "answer": given})
        tally = plurality([question.canonical(one["answer"]) for one in votes])
        if tally.tie:
            tally = tally.model_copy(update={"winner": min(tally.tie)})
        result = settled(tally, held, question, seed=runtime.context.seed)
        by = "words" if vectors is bag_of_words else "model"
        report = {"votes": votes, "examples": len(state["examples"]), "nearest_by": by if known else None}
        return {"answer": reported(result, report)}

    graph = new_graph(retrieve, answer, vote, state=Member).add_edge(START, "retrieve")
    graph.add_conditional_edges("retrieve", fan_out, ["answer"])
    return graph.add_edge("answer", "vote").add_edge("vote", END)


def permutations(size: int, count: int) -> list[tuple[int, ...]]:
    """So many orders of `size` choices: rotations if each place then comes up equally often, else plain hunt rows."""
    rows = [tuple((place + turn) % size for place in range(size)) for turn in range(size)]
    if count % size:
        rows = [tuple(range(size))]
        while len(rows) < 2 * size:
            first = (len(rows) - 1) % 2  # neighbours change places: from the first on, then from the second on
            row = list(rows[-1])
            for place in range(first, size - 1, 2):
                row[place], row[place + 1] = row[place + 1], row[place]
            rows.append(tuple(row))
        rows = list(dict.fromkeys(rows))
    return [rows[number % len(rows)] for number in range(count)]


def unshuffled(answer: str | None, question: Question, order: Sequence[int]) -> str | None:
    """The letter that an answer means in the question's own order; None if it names no choice."""
    if not question.choices:
        return None if question.canonical(answer) is None else answer
    asked = question.model_copy(update={"choices": tuple(question.choices[place] for place in order)})
    label = asked.canonical(answer)
    return None if label is None else question.labels[order[question.labels.index(label)]]


def _with_examples(examples: Sequence[Example]) -> str:
    told = [Demonstration(_text(one.question), (one.chain,), one.answer) for one in examples]
    return FEW_SHOT.format(examples=shown(told))


def _text(question: Question) -> str:
    return str(question).removeprefix("Question: ")


def _letters(order: Sequence[int], question: Question) -> str:
    return ", ".join(question.labels[place] for place in order)
