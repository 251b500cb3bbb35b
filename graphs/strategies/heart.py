"""HEART: an answer is asked for again and again, each time with another emotional cue.

START -> draft -> revise, a cue a round -+-> conclude -> END     the oracle accepts, or the rounds are used
                                         +-> synthesise -> END   without an oracle, after all rounds
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from langgraph.runtime import Runtime

from disputatio.agents.agent import Agent, linking
from disputatio.agents.judge import Judge
from disputatio.agents.solver import Solver
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs.compose import turns_of
from disputatio.graphs.conclude import most_frequent, own_answer, reported
from disputatio.graphs.refine import reviser_told
from disputatio.graphs.revision import Revision
from disputatio.graphs.speaking import last_of
from disputatio.graphs.strategies.heart_cues import ORDER, Schedule, cues
from disputatio.graphs.wiring import Graph
from disputatio.memory.transcript import everything
from disputatio.question import Question
from disputatio.state import Output, State
from disputatio.strategies import strategy

AGAIN = "The answer above is not accepted. {cue} Think about the question again, step by step, and answer it anew."
SYNTHESISE = "Above stand several answers to the question. Write the final answer: the one with the best support."

Oracle = Callable[[str], bool]
"""Tells whether an answer, in the words in which it was given, is right."""


@strategy(
    source="Pinto et al. 2025, arXiv:2509.22876 (HEART), version 2",
    calls=lambda rounds, oracle, solver, judge, **_: (
        (1 + rounds) * turns_of(solver) + (0 if oracle else turns_of(judge))
    ),
)
def heart(
    *,
    rounds: int = 6,
    schedule: Schedule = "alternating",
    emotions: Sequence[str] = ORDER,
    oracle: Oracle | None = None,
    solver: Agent | None = None,
    judge: Agent | None = None,
) -> Graph:
    """Ask for the answer again in each round, with one emotional cue, and draw the attempts together at the end.

    Calls: 2 + rounds without an oracle; with one, 1 and one more for each round until it accepts. To tell emotion
    from mere repetition, compare with the schedule "neutral", which costs the same.

    Args:
        rounds: How often it is asked again, at least 1.
        schedule: Which cues: emotions of alternating valence, one "static" emotion, "random" ones, or "neutral" words.
        emotions: Their order, out of sadness, happiness, anger, surprise, fear and disgust.
        oracle: Tells whether an answer is right; the first that is ends the run. Only for experiments: the answer's
            data says that one was used. It is given the words of the answer, and no prompt says what it knows.
        solver: Who answers; None makes a solver.
        judge: Who writes the final answer without an oracle; None makes one.

    Raises:
        ConfigurationError: If there are no rounds, or a schedule or an emotion is unknown.

    Departs from the paper: the cues, their number and the order are our own, since the paper's were not published; one
    attempt a round; the history shown is the attempt before; where the final answer cannot be read, the most frequent
    attempt is taken. Prompts are reworded.
    """
    if rounds < 1 or not emotions:
        raise ConfigurationError(f"heart needs at least 1 round and 1 emotion, got {rounds} and {len(emotions)}")
    cues(schedule, rounds, 0, emotions)  # are they known?
    thinker = solver or Solver()

    def revise(number: int, seed: int) -> Agent:
        return reviser_told(AGAIN.format(cue=cues(schedule, rounds, seed, emotions)[number - 1][1]), thinker)

    loop = Revision(
        draft=thinker,
        revise=revise,
        authors=(thinker.name,),
        rounds=rounds,
        accepts=lambda draft, critique: bool(oracle and draft.answer is not None and oracle(draft.answer)),
        keep=lambda drafts, question: drafts[-1] if drafts else None,  # whether it can be read or not
    )
    deciding = replace(judge or Judge(), instruction=SYNTHESISE, view=everything, relate=linking("aggregates"))

    def report(state: State, seed: int | None) -> dict[str, Any]:
        used = cues(schedule, state.get("round", 0), seed or 0, emotions)
        return {"cues": [emotion for emotion, _ in used], "schedule": schedule, "oracle": oracle is not None}

    def conclude(state: State, runtime: Runtime[Context]) -> Output:
        last = loop.standing(state)
        data = {**report(state, runtime.context.seed), "verified": bool(last and loop.accepts(last, None))}
        return {"answer": reported(own_answer(last, Question.of(state["question"])), data)}

    async def synthesise(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        question, seed = Question.of(state["question"]), runtime.context.seed
        attempts = [one for one in loop.drafts(state) if question.canonical(one.answer) is not None]
        if not attempts:
            return {"answer": own_answer(None, question)}
        shuffled = Random(f"attempts/{seed}").sample(attempts, len(attempts))
        shown = [one.model_copy(update={"author": f"answer {n}", "round": 0}) for n, one in enumerate(shuffled, 1)]
        update = await deciding(State(question=question, thoughts=shown), runtime)
        answer = own_answer(last_of(update), question)
        if answer.abstained:
            held = {one.author: one for one in shown}
            answer = most_frequent(held, question, list(held), seed=seed)
        return {**update, "answer": reported(answer, report(state, seed))}

    return loop.graph(conclude if oracle else synthesise)
