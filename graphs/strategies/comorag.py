"""ComoRAG: on an impasse ask probing questions, and keep in memory what each search taught, until that suffices.

START -> index -+-> select (a query each) -> gather -> encode (a query and layer each) -> fuse -> attempt -+-> conclude
                |     ^                                                                                    |
                |     +------------ probe <------------------------------- the evidence does not suffice --+
                +-> force -> conclude -> END        no documents; likewise when attempts, probes or finds run out

A memory unit is a cue, which is a thought that rests on the evidence it was written from. Both are in the run's
workspace, so that what was read once is not read again. The index is made by `book_index`.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from langgraph.graph import END, START
from pydantic import Field

from disputatio.agents.agent import Agent, linking
from disputatio.agents.forms import Form
from disputatio.agents.prober import Prober
from disputatio.agents.proposer import Proposer
from disputatio.agents.solver import Solver
from disputatio.errors import ConfigurationError
from disputatio.graphs.book_index import (
    LAYERS,
    Book,
    Shelves,
    indexing_calls,
    layers_of,
    passages_in,
)
from disputatio.graphs.compose import turns_of
from disputatio.graphs.evidence_loop import SUFFICES
from disputatio.graphs.strategies.comorag_loop import Loop
from disputatio.graphs.wiring import Graph, new_graph
from disputatio.memory.bag_of_words import Embed, embedding
from disputatio.memory.transcript import everything
from disputatio.strategies import strategy

PROBE = """\
What is above does not suffice to answer the question. Write at most {probes} short questions to search for that would \
close the gap: begin with people, things and places that were not yet searched for, and repeat none."""


class Queries(Form):
    """What is searched for next."""

    probes: list[str] = Field(description="a numbered list of questions")


def _turns(
    documents: Book | Sequence[str] | str | None,
    passages: int,
    attempts: int,
    probes: int,
    layers: Sequence[str] | str,
    answerer: Agent | None,
    prober: Agent | None,
    **_: Any,
) -> int:
    kinds = layers_of(layers)
    search = len(kinds) + ("veridical" in kinds)
    count = 0 if isinstance(documents, Book) else passages if documents is None else len(passages_in(documents))
    answer = turns_of(answerer)
    further = turns_of(prober) + probes * search + 1 + answer
    return indexing_calls(count, kinds) + search + answer + (attempts - 1) * further + answer


@strategy(source="Wang et al. 2025, arXiv:2508.10419, section 3; defaults of the released code", calls=_turns)
def comorag(
    *,
    documents: Book | Sequence[str] | str | None = None,
    passages: int = 20,
    attempts: int = 6,
    probes: int = 3,
    k: int = 50,
    tokens: int = 5000,
    layers: Sequence[str] | str = LAYERS,
    answerer: Agent | None = None,
    prober: Agent | None = None,
    embed: Embed | None = None,
) -> Graph:
    """Answer from a long text: search three layers of it, and probe for what is missing until the evidence suffices.

    An answer at attempt a costs 5 + 15 (a - 1) calls at most: a search is 1 call to select facts and 3 to write cues; a
    further attempt is 1 to probe, 3 searches, 1 to join cues, 1 to answer. If the last of 6 fails, that is 80, and one
    more call gives the answer that the evidence speaks for most; the data says that it was forced. A layer that holds
    nothing new costs no call. Making the index comes before that (`indexing_calls`), unless a `Book` is given or the
    run's store has the index from an earlier run. The data lists each probe with what it found.

    Args:
        documents: What is read: an index made by `index_book`, a folder, or texts. None takes the question's own
            documents; without any, the question is answered in one call.
        passages: The most passages of the question's own documents, which are indexed within the run.
        attempts: The most attempts to answer, at least 1.
        probes: The most new questions after a failed attempt, at least 1.
        k: How many texts of a layer a search finds, at least 1.
        tokens: How long all that one search finds may be, at 4 characters a token; three fifths are for passages.
        layers: Which are searched: veridical, semantic, episodic.
        answerer: Who answers; its form gives an answer only if the evidence suffices. None makes a solver.
        prober: Who asks, in its field `probes`; None makes a prober.
        embed: Texts to vectors; None is the embedded model, or bags of words where it is not installed, which the
            data says.

    Raises:
        ConfigurationError: If a number is below 1, a layer is unknown, or the question's documents are too long.
        StoreError: If there is no such folder.
        MissingExtraError: If there are documents, and the extra `knowledge` is not installed.

    Departs from the paper: principal components instead of UMAP before clustering; one call for the facts of a
    passage; passages of about 1,000 characters. What does not fit into the tokens is left out by its rank, where the
    released code leaves out what stands last in the story. What was read is left out before the best k are taken, not
    after. The mark of an impasse is the word none in the field of the answer. The forced answer is ours; the released
    code ends without, after one more search that nobody reads (94 calls). Prompts are ours.
    """
    kinds = layers_of(layers)
    if min(passages, attempts, probes, k, tokens) < 1:
        raise ConfigurationError(
            f"comorag needs numbers of at least 1, got {passages=}, {attempts=}, {probes=}, {k=}, {tokens=}"
        )
    given = documents if isinstance(documents, Book) else None
    vectors = embedding(embed)
    answering = answerer or Proposer("answerer", instruction=SUFFICES, temperature=0.0)
    asking = prober or replace(Prober(), instruction=PROBE.format(probes=probes), form=Queries)
    loop = Loop(
        opened=lru_cache(maxsize=2)(lambda book: Shelves(given or Book.model_validate_json(book), vectors)),
        indexed=given is not None,
        texts=None if documents is None or isinstance(documents, Book) else passages_in(documents),
        passages=passages,
        attempts=attempts,
        probes=probes,
        k=k,
        tokens=tokens,
        layers=kinds,
        answerer=replace(answering, view=everything, relate=linking("uses")),
        forced=replace(answerer or Solver("answerer", temperature=0.0), view=everything, relate=linking("uses")),
        prober=replace(asking, view=everything),
        embed=vectors,
    )
    graph = new_graph(loop.index, loop.select, loop.gather, loop.encode, loop.fuse, loop.attempt, loop.probe)
    graph.add_node(loop.force).add_node(loop.conclude).add_edge(START, "index")
    graph.add_conditional_edges("index", loop.searches, ["select", "gather", "force"])
    graph.add_edge("select", "gather")
    graph.add_conditional_edges("gather", loop.encodings, ["encode", "force"])
    graph.add_edge("encode", "fuse").add_edge("fuse", "attempt")
    graph.add_conditional_edges("attempt", loop.after_attempt, ["probe", "force", "conclude"])
    graph.add_conditional_edges("probe", loop.searches, ["select", "gather", "force"])
    return graph.add_edge("force", "conclude").add_edge("conclude", END)
