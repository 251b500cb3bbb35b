"""The nodes of ComoRAG, in the order in which they run; `comorag` wires them."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from langgraph.runtime import Runtime
from langgraph.types import Send

from disputatio.agents.agent import Agent
from disputatio.agents.cue_writer import CueWriter, Fuser
from disputatio.agents.fact_selector import FactSelector
from disputatio.agents.forms import answered
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs.book_index import Shelves, index_book, passages_in
from disputatio.graphs.conclude import own_answer, reported
from disputatio.graphs.evidence_loop import FORCED, unasked
from disputatio.graphs.speaking import last_of, told
from disputatio.graphs.strategies.comorag_pool import (
    Reading,
    by,
    findings,
    in_sight,
    nearest_half,
    own,
    read,
    searched,
    shown,
    units,
)
from disputatio.memory.bag_of_words import Embed, bag_of_words
from disputatio.memory.workspace import content_hash
from disputatio.question import Question
from disputatio.state import Output, Update
from disputatio.tools.passages import Passage
from disputatio.writing import as_data, numbered

STORED = ("comorag", "books")
"""Where a store keeps indices."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Loop:
    """The nodes, with what all of them need."""

    opened: Callable[[str], Shelves]
    """Makes an index of JSON ready to be searched; of none the one that was given."""
    indexed: bool
    """Whether an index was given."""
    texts: Sequence[Passage] | None
    """What is indexed within the run; None is the question's own documents."""
    passages: int
    attempts: int
    probes: int
    k: int
    tokens: int
    layers: Sequence[str]
    answerer: Agent
    """Who answers, if the evidence suffices."""
    forced: Agent
    """Who answers in any case."""
    prober: Agent
    embed: Embed

    async def index(self, state: Reading, runtime: Runtime[Context]) -> dict[str, Any]:
        """Find the index, or make it."""
        question = Question.of(state["question"])
        start = {"asked": [question.text], "due": [1], "attempts": 0, "ended": "", "book": "", "round": 1}
        start["before"] = len(state.get("thoughts", []))
        texts = self.texts if self.texts is not None else passages_in(question.context)
        if self.indexed or not texts:
            return {**start, "ended": "" if self.indexed else "no documents"}
        if self.texts is None and len(texts) > self.passages:
            raise ConfigurationError(
                f"the question's documents make {len(texts)} passages, at most {self.passages} are indexed within "
                "the run: raise passages, or make the index beforehand by index_book"
            )
        return {**start, "book": await _indexed(texts, self.layers, self.embed, runtime)}

    async def select(self, state: Reading, runtime: Runtime[Context]) -> Update:
        """Let a model choose among the facts nearest to a query."""
        query = state["asked"][state["place"] - 1]
        shelves = await asyncio.to_thread(self.opened, state["book"])
        near = await asyncio.to_thread(shelves.facts, query)
        facts = as_data(numbered(" ".join(shelves.graph.facts[fact]) for fact in near))
        words = f"Searched for: {query}\n\nFacts:\n{facts}"
        agent = told(FactSelector(), words, name=f"selector {state['place']}")
        return await agent(shown(state, []), runtime) if near else {}

    async def gather(self, state: Reading, runtime: Runtime[Context]) -> dict[str, Any]:
        """Search for all that is due, and put what is new into the workspace."""
        shelves = await asyncio.to_thread(self.opened, state["book"])
        look = partial(searched, layers=self.layers, k=self.k, tokens=self.tokens)
        found = [await asyncio.to_thread(look, shelves, state, place, runtime.context) for place in state["due"]]
        new = [one for each in found for one in each]
        runtime.context.say(*new)
        return {"thoughts": new, "ended": "" if new else "nothing new"}

    async def encode(self, state: Reading, runtime: Runtime[Context]) -> Update:
        """Write the cue of one layer for one query."""
        query, place = state["asked"][state["place"] - 1], state["place"]
        writer = CueWriter(f"{state['layer']} {place}")
        agent = told(writer, "" if place == 1 else f"Searched for: {query}")
        agent = replace(agent, relate=writer.relate, preface=f"{query}\n")
        return await agent(shown(state, read(state, state["layer"], place)), runtime)

    async def fuse(self, state: Reading, runtime: Runtime[Context]) -> Update:
        """Join the half of the memory that is nearest to the question; in the first round there is none."""
        pool = [one for one in units(state) if one.round < state["round"]]
        near = await asyncio.to_thread(nearest_half, state["asked"][0], pool, self.embed)
        return await Fuser(f"note {state['round'] - 1}")(shown(state, near), runtime) if near else {}

    async def attempt(self, state: Reading, runtime: Runtime[Context]) -> dict[str, Any]:
        """Answer, if the evidence suffices."""
        said = await self.answerer(shown(state, in_sight(state, self.layers), before=True), runtime)
        answer = own_answer(last_of(said), Question.of(state["question"]))
        left = "" if state["round"] < self.attempts else "attempts"
        return {**said, "attempts": state["round"], "ended": left if answer.abstained else "answered"}

    async def probe(self, state: Reading, runtime: Runtime[Context]) -> dict[str, Any]:
        """Ask what is missing."""
        before = "Searched for so far:\n" + "\n".join(f"- {one}" for one in state["asked"])
        said = await told(self.prober, before)(shown(state, in_sight(state, self.layers), before=True), runtime)
        new = unasked(last_of(said), state["asked"], self.probes)
        if not new:
            return {**said, "ended": "nothing new"}
        asked = [*state["asked"], *new]
        due = list(range(len(asked) - len(new) + 1, len(asked) + 1))
        return {**said, "asked": asked, "due": due, "round": state["round"] + 1}

    async def force(self, state: Reading, runtime: Runtime[Context]) -> Update:
        """Answer in any case."""
        agent = self.forced
        if state["ended"] != "no documents":
            agent = replace(agent, instruction=FORCED, form=answered)
        return await agent(shown(state, units(state), before=True), runtime)

    async def conclude(self, state: Reading) -> Output:
        """Report."""
        report = {
            "ended": state["ended"],
            "forced": state["ended"] not in ("answered", "no documents"),
            "attempts": state["attempts"],
            "probes": findings(state, self.layers),
            "evidence": sum(one.role == "evidence" for one in own(state)),
            "nearest_by": "words" if self.embed is bag_of_words else "model",
        }
        answer = own_answer(by(state, self.answerer.name), Question.of(state["question"]))
        return {"answer": reported(answer, report)}

    def searches(self, state: Reading) -> list[Send] | str:
        """A search for each query that is due."""
        if state["ended"]:
            return "force"
        sends = [Send("select", {**state, "place": place}) for place in state["due"]]
        return sends if "veridical" in self.layers else "gather"

    def encodings(self, state: Reading) -> list[Send] | str:
        """A cue for each layer and query that something was found for."""
        if state["ended"]:
            return "force"
        pairs = ((layer, place) for layer in self.layers for place in state["due"])
        return [Send("encode", {**state, "layer": one, "place": at}) for one, at in pairs if read(state, one, at)]

    def after_attempt(self, state: Reading) -> str:
        """Whether to go on."""
        return {"": "probe", "answered": "conclude"}.get(state["ended"], "force")


async def _indexed(texts: Sequence[Passage], layers: Sequence[str], embed: Embed, runtime: Runtime[Context]) -> str:
    """The index of these passages as JSON, from the run's store if it has it; else it is made, and kept there."""
    key = content_hash(json.dumps([*layers, *texts]))
    kept = await runtime.store.aget(STORED, key) if runtime.store else None
    if kept:
        return str(kept.value["book"])
    book = (await index_book(texts, runtime.context, embed=embed, layers=layers)).model_dump_json()
    if runtime.store and not runtime.context.ledger.stop_reason:
        await runtime.store.aput(STORED, key, {"book": book}, index=False)
    return book
