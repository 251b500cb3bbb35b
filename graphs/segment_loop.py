"""Segment loop: think for a while, replace all that was thought by a summary, and go on, until there is an answer.

    START -> segment -+-> END
                      +-> summarise -+-> segment
                                     +-> END

The state holds the last summary and no segment, so that it does not grow; the segments are in the run's record.
"""

from langgraph.graph import END, START
from langgraph.runtime import Runtime

from disputatio.agents.agent import Agent
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs.conclude import own_answer, reported
from disputatio.graphs.speaking import last_of, silence, told
from disputatio.graphs.wiring import Graph, new_graph
from disputatio.question import Question
from disputatio.state import Output, State
from disputatio.strategies import strategy
from disputatio.thought import Thought

HISTORY = "Progress so far:\n{history}\n\nGo on from there; do none of it again."
STALLED = "The last part of the work brought no progress. Try another way, or conclude."


class Work(State):
    """The state of the loop."""

    segment: Thought
    """The last segment; it is gone from the state as soon as it is summed up."""
    summary: Thought
    history: str
    """What is known of all segments but the last."""
    warned: bool
    """Whether there was no progress in the segment before."""
    peak: int
    """The most tokens that a prompt and its reply had together."""
    ended: str
    """Why the loop is over; empty while it is not."""


@strategy(
    source="Disputatio, after Yan et al. 2025, arXiv:2503.06692",
    calls=lambda solver, summariser, segments: segments * solver.turns + (segments - 1) * summariser.turns,
)
def segment_loop(solver: Agent, summariser: Agent, *, segments: int = 50) -> Graph:
    """Let one agent think in segments, and another sum up after each; only the summary is carried on.

    A loop of m segments costs 2 m - 1 turns, if neither agent has tools. It ends undecided if two summaries in a row
    bring nothing new after one warning, or if the segments are used up; the answer's data says which.

    Args:
        solver: Who thinks; its form gives an answer only when it has come to one, as `unfinished` does.
        summariser: Who sums up, from the question, the summary before, and the last segment.
        segments: The most segments, at least 1.

    Raises:
        ConfigurationError: If there are no segments.
    """
    if segments < 1:
        raise ConfigurationError(f"a segment loop needs at least 1 segment, got {segments}")

    async def segment(state: Work, runtime: Runtime[Context]) -> dict[str, object]:
        history, number = state.get("history", ""), state.get("round", 0) + 1
        words = [HISTORY.format(history=history)] if history else []
        agent = told(
            solver,
            "\n\n".join([*words, STALLED] if state.get("warned") else words),
            about=[state["summary"]] if "summary" in state else [],
            kind="uses",
        )
        said = await agent(_shown(state, number), runtime)
        last = last_of(said)
        if last is None:
            return {"ended": silence(said), "round": number}
        update = {"segment": last, "round": number, "peak": max(state.get("peak", 0), last.usage.tokens)}
        return {**update, "ended": "answered" if last.answer is not None else ""}

    async def summarise(state: Work, runtime: Runtime[Context]) -> dict[str, object]:
        last, before = state["segment"], state.get("history", "")
        known = [f"Progress so far:\n{before}"] if before else []
        words = "\n\n".join([*known, f"The newest part of the work:\n{last.text}"])
        agent = told(summariser, words, about=[last], kind="aggregates")
        summary = last_of(await agent(_shown(state, state["round"]), runtime))
        history = (_listed(summary) if summary else "") or before
        stalls = " ".join(history.casefold().split()) == " ".join(before.casefold().split())
        kept = {"summary": summary, "peak": max(state["peak"], summary.usage.tokens)} if summary else {}
        ended = "stalled" if stalls and state.get("warned") else ""
        return {**kept, "history": history, "warned": stalls, "ended": ended}

    async def conclude(state: Work) -> Output:
        done = state["ended"] == "answered"
        answer = own_answer(state["segment"] if done else None, Question.of(state["question"]))
        report = {
            "ended": state["ended"] or "segments",
            "segments": state["round"],
            "peak_tokens": state.get("peak", 0),
        }
        return {"answer": reported(answer, report, rationale=answer.rationale or state.get("history", ""))}

    def after_segment(state: Work) -> str:
        return "conclude" if state["ended"] or state["round"] >= segments else "summarise"

    graph = new_graph(segment, summarise, conclude)
    graph.add_edge(START, "segment").add_edge("conclude", END)
    graph.add_conditional_edges("segment", after_segment, ["summarise", "conclude"])
    return graph.add_conditional_edges(
        "summarise", lambda state: "conclude" if state["ended"] else "segment", ["segment", "conclude"]
    )


def _shown(state: State, number: int) -> State:
    """What was there before the loop began, for who speaks in this segment."""
    return State(question=state["question"], thoughts=state.get("thoughts", []), round=number)


def _listed(summary: Thought) -> str:
    """A summary as a list, without the item in which it was cut off; as it is where it is no list."""
    items = summary.data.get("progress")
    if not isinstance(items, list):
        return summary.text.strip()
    whole = items[:-1] if summary.cut and len(items) > 1 else items
    return "\n".join(f"- {item}" for item in whole)
