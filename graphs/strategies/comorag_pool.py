"""The memory of ComoRAG: what its state holds, and who sees which part of it.

A memory unit is a cue or a note. A cue rests on evidence of one layer that was found for one query; a note joins cues.
Source: see `comorag`.
"""

from collections.abc import Collection, Sequence

from pydantic import JsonValue

from disputatio.agents.fact_selector import selected
from disputatio.context import Context
from disputatio.graphs.book_index import Shelves
from disputatio.memory.bag_of_words import Embed
from disputatio.memory.vectors import unit
from disputatio.memory.workspace import Evidence, evidence
from disputatio.question import Question
from disputatio.state import State
from disputatio.thought import Thought

SHARES = {"veridical": 3, "semantic": 1, "episodic": 1}
"""How the tokens of the evidence are shared out, as in the released code: 3,000, 1,000 and 1,000."""
CHARACTERS = 4
"""Of one token, about."""


class Reading(State):
    """The state of the strategy; `place` and `layer` are those of one search."""

    place: int
    """Of what is searched for, in `asked`, from 1."""
    layer: str
    book: str
    """The index of documents that came without one, as JSON."""
    before: int
    """How many thoughts there were before the strategy began."""
    asked: list[str]
    """What was searched for so far: the question, then the probes."""
    due: list[int]
    """The places of what is searched for in this round."""
    attempts: int
    ended: str
    """Why the loop is over: answered, attempts, nothing new or no documents; empty while it is not."""


def own(state: Reading) -> list[Thought]:
    """What was said since the strategy began."""
    return state.get("thoughts", [])[state["before"] :]


def by(state: Reading, author: str) -> Thought | None:
    """What an author said last."""
    return next((one for one in reversed(own(state)) if one.author == author), None)


def units(state: Reading) -> list[Thought]:
    """The memory units: cues and notes."""
    return [one for one in own(state) if one.role in ("encoder", "fuser")]


def read(state: Reading, layer: str, place: int) -> list[Thought]:
    """The evidence of a layer that was found for a query."""
    query = state["asked"][place - 1]
    kept = ((one, Evidence.of(one)) for one in own(state))
    return [one for one, known in kept if known and (known.layer, known.query) == (layer, query)]


def in_sight(state: Reading, layers: Sequence[str]) -> list[Thought]:
    """What an answer rests on: at first the evidence itself, later the round's cues by layer, and all notes."""
    if state["round"] == 1:
        return [one for layer in layers for one in read(state, layer, 1)]
    cues = (by(state, f"{layer} {place}") for layer in layers for place in state["due"])
    return [*(one for one in cues if one), *(one for one in units(state) if one.role == "fuser")]


def shown(state: Reading, thoughts: Sequence[Thought], *, before: bool = False) -> State:
    """A state in which an agent sees the question without its documents, and these thoughts.

    Args:
        state: The state.
        thoughts: What is seen.
        before: Whether what was said before the strategy began is seen, too.
    """
    question = Question.of(state["question"]).model_copy(update={"context": ()})
    earlier = state.get("thoughts", [])[: state["before"]] if before else []
    return State(question=question, thoughts=[*earlier, *thoughts], round=state["round"])


def searched(
    shelves: Shelves, state: Reading, place: int, context: Context, *, layers: Collection[str], k: int, tokens: int
) -> list[Thought]:
    """What a search finds for a query, layer by layer, without what was read in earlier rounds."""
    query, said = state["asked"][place - 1], by(state, f"selector {place}")
    near = shelves.facts(query)
    numbered = list(near.items())
    facts = dict(numbered[number - 1] for number in selected(said, len(numbered)))
    have = [known for known in map(Evidence.of, own(state)) if known]
    found: list[Thought] = []
    for layer in layers:
        known = {one.content for one in have if one.layer == layer}
        room = tokens * CHARACTERS * SHARES[layer] // sum(SHARES.values())
        places = fitting(shelves.texts[layer], shelves.find(layer, query, facts, known, k), room)
        for source, text in (shelves.texts[layer][at] for at in (places if layer == "semantic" else sorted(places))):
            kept, _ = evidence(
                context,
                text,
                source=source,
                author=source,
                layer=layer,
                query=query,
                trusted=False,
                round_=state["round"],
            )
            found.append(kept)
    return found


def fitting(texts: Sequence[tuple[str, str]], places: Sequence[int], room: int) -> list[int]:
    """The first places whose texts have room together, in characters; at least one."""
    kept: list[int] = []
    for place in places:
        room -= len(texts[place][1])
        if kept and room < 0:
            break
        kept.append(place)
    return kept


def nearest_half(question: str, pool: Sequence[Thought], embed: Embed) -> list[Thought]:
    """The half of the units that is nearest to the question by cosine, rounded down and at least one, as they came.

    A cue is embedded with the query that it is about.
    """
    if not pool:
        return []
    asked, *rows = unit(embed([question, *(one.text for one in pool)]), len(pool) + 1, "the embedding")
    near = [float(asked @ row) for row in rows]
    best = sorted(range(len(pool)), key=lambda place: -near[place])[: max(1, len(pool) // 2)]
    return [pool[place] for place in sorted(best)]


def findings(state: Reading, layers: Sequence[str]) -> list[JsonValue]:
    """Each probe with what was found for it: how much evidence, and the cue of each layer."""
    found: list[JsonValue] = []
    for place, probe in enumerate(state["asked"][1:], 2):
        cues = {layer: by(state, f"{layer} {place}") for layer in layers}
        said: dict[str, JsonValue] = {layer: cue.text.removeprefix(f"{probe}\n") for layer, cue in cues.items() if cue}
        found.append({"probe": probe, "evidence": sum(len(read(state, one, place)) for one in layers), **said})
    return found
