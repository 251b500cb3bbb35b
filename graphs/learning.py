"""Learning from experience: the steps that `reasoning_bank` and `matts` share.

    recall    the past task that is most like this one, with all that was learned from it
    attempt   a part works on the question, with what was recalled as a document of it
    judged    whether the attempt succeeded; nobody is told what is right
    extract   what other tasks can learn from it
    keep      the record of the task and what was learned go into the store

Source: see `reasoning_bank`.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from langgraph.runtime import Runtime
from pydantic import JsonValue

from disputatio.agents.agent import Agent
from disputatio.agents.memory_writer import MOST, MemoryWriter, Source
from disputatio.agents.outcome_judge import OutcomeJudge
from disputatio.context import Context
from disputatio.errors import ConfigurationError, StoreError
from disputatio.graphs.compose import Concluded, Part, turns_of
from disputatio.graphs.speaking import last_of, told
from disputatio.graphs.trajectories import (
    Learning,
    Trajectory,
    as_one,
    in_turn,
    recalled_in,
    said_in,
    status_of,
    succeeded,
)
from disputatio.ledger import Spender
from disputatio.memory.experience import STRATEGY, TASK, Experience, Lesson, lessons, nearest_tasks, own_strings
from disputatio.memory.memory import Memory, MemoryItem
from disputatio.memory.recalling import recalled
from disputatio.memory.workspace import evidence
from disputatio.question import Question
from disputatio.state import Output, State, Update
from disputatio.thought import Answer, Link, Thought
from disputatio.writing import excerpt

Outcome = Callable[[Question, Answer], float]
"""1 for a right answer, 0 for a wrong one, by something that knows: a label, a test, a tool, a person."""
AUTHOR = "memory"
RECALLED = """\
From memory, learned in other tasks. At each decision say whether it helps here, and use it only where it does.

{items}"""
REFUSED = """\
You wrote these items before:

{before}

They hold strings of this very task, which mean nothing to others: {strings}. Write all items again without them."""


@dataclass(frozen=True, kw_only=True)
class Learner:
    """What a strategy that learns is made of, and its steps."""

    name: str
    part: Part
    judge: Outcome | Agent | None = None
    learn: bool = True
    failures: bool = True
    tasks: int = 1
    space: str = "default"
    temperature: float | None = None
    """For the attempts, where neither their agents nor the run set one."""
    writes_at: float = 1.0
    """Temperature of the memory writer."""

    def __post_init__(self) -> None:
        if self.tasks < 1:
            raise ConfigurationError(f"{self.name} recalls at least 1 task, not {self.tasks}")

    @property
    def judging(self) -> Outcome | Agent:
        """Who judges."""
        return self.judge or OutcomeJudge()

    @property
    def turns(self) -> tuple[int, int, int]:
        """The most turns of one attempt, of judging it, and of extraction with one repetition."""
        judging = self.judging
        judged = judging.turns if isinstance(judging, Agent) else 0
        return turns_of(self.part), judged, 2 * self.learn

    def learns(self, state: Learning) -> bool:
        """Whether this run writes to the memory."""
        return self.learn and state.get("remembered") is not None

    def source(self, trajectory: Trajectory) -> Source | None:
        """What is to be learned from an attempt; None for one that was not judged, or is not to be learned from."""
        if trajectory["success"] is None or not (trajectory["success"] or self.failures):
            return None
        return "success" if trajectory["success"] else "failure"

    async def recall(self, state: Learning, runtime: Runtime[Context]) -> dict[str, Any]:
        """Look for the past tasks that are most like this one, and say what was learned from them."""
        context, question = runtime.context, Question.of(state["question"])

        async def read(*_: object) -> str:
            if runtime.store is None:
                return "null"
            memory = Memory(runtime.store, self.space)
            found = await nearest_tasks(memory, question.text, self.tasks, not_of=context.run_id)
            await memory.used(*(item.id for one in found for item in one.items))
            return json.dumps([[one.model_dump(mode="json") for one in (task, *items)] for task, items in found])

        if context.journal:  # a run that goes on or is replayed remembers what it remembered
            spender = Spender(AUTHOR, AUTHOR, state.get("round", 0), AUTHOR)
            asked = {"space": self.space, "query": question.text}
            text = await context.journal.tool_call(read, asked, scope=context.scope, spender=spender)
        else:
            text = await read()
        remembered: list[list[dict[str, Any]]] | None = json.loads(text)
        if remembered is None:
            return {"remembered": None}
        past = recalled_in({"remembered": remembered})
        thoughts = [self._recollection(one, context) for one in past if one.items]
        context.say(*thoughts)
        return {"remembered": remembered, "thoughts": thoughts}

    def _recollection(self, past: Experience, context: Context) -> Thought:
        task = past.task
        titles = ", ".join(f'"{excerpt(str(item.data.get("title", item.id)), 80)}"' for item in past.items)
        where = f'in run {task.run_id}, a {task.data.get("status")}: "{excerpt(task.text, 200)}"'
        text = f"Recalled {titles}; learned {where}\n\n{recalled(past.items, context)}"
        ids: list[JsonValue] = [item.id for item in past.items]
        thought, _ = evidence(context, text, source=f"memory:{task.id}", author=AUTHOR, layer=STRATEGY, items=ids)
        return thought

    async def attempt(
        self,
        run: Callable[..., Any],
        scope: str,
        state: Learning,
        runtime: Runtime[Context],
        *,
        number: int = 0,
        documents: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Let the part work on the question.

        Args:
            run: The part, as a node.
            scope: Its name in the composition.
            state: The state.
            runtime: The runtime.
            number: Which attempt it is.
            documents: What it is shown besides what was recalled.
        """
        context = runtime.context
        warmer = self.temperature is not None and context.temperature is None
        own = replace(context, temperature=self.temperature) if warmer else context
        question, items = Question.of(state["question"]), [item for one in recalled_in(state) for item in one.items]
        shown = [RECALLED.format(items=recalled(items, context))] if items else []
        asked = question.model_copy(update={"context": (*question.context, *shown, *documents)})
        said = {id_ for one in state.get("trajectories", []) for id_ in one["thoughts"]}
        given = [one for one in state.get("thoughts", []) if one.id not in said and one.author != AUTHOR]
        first = len(context.thoughts)
        concluded: Concluded = await run({**state, "question": asked, "thoughts": given}, runtime.override(context=own))
        path = f"{context.scope}/{scope}" if context.scope else scope
        within = [one for one in context.thoughts[first:] if f"{one.scope}/".startswith(f"{path}/")]
        within = in_turn(within, concluded["said"], path)
        recollections = [one for one in state.get("thoughts", []) if one.author == AUTHOR]
        ends = concluded["thoughts"]
        uses = [Link(source=ends[-1].id, target=one.id, kind="uses") for one in recollections]
        context.say(links=uses)
        trajectory = Trajectory(
            number=number,
            thoughts=[one.id for one in (*within, *ends)],
            answer=concluded["answer"],
            success=None,
            score=0.0,
            why="",
        )
        links = [*concluded["links"], *uses]
        return {"thoughts": [*within, *ends], "links": links, "trajectories": [trajectory]}

    async def judged(self, trajectory: Trajectory, state: Learning, runtime: Runtime[Context]) -> dict[str, Any]:
        """Say how an attempt went: it is a failure if the judge is in doubt or cannot be read."""
        question, judge = Question.of(state["question"]), self.judging
        if not isinstance(judge, Agent):
            answer = trajectory["answer"]
            score = 0.0 if answer.abstained else min(max(float(judge(question, answer)), 0.0), 1.0)
            return {"trajectories": [{**trajectory, "success": score >= 0.5, "score": score}]}
        seen = State(question=question, thoughts=said_in(trajectory, state["thoughts"]), round=trajectory["number"])
        update = await judge(seen, runtime)
        if (verdict := last_of(update)) is None:
            return {**update}
        why = str(verdict.data.get("thoughts") or verdict.data.get("reason") or "")
        found = {"success": succeeded(verdict), "score": verdict.score or 0.0, "why": why}
        return {**update, "trajectories": [{**trajectory, **found}]}

    async def extract(self, source: Source, state: Learning, runtime: Runtime[Context]) -> dict[str, Any]:
        """Write down what was learned; once more, if nothing can be read or it holds strings of this very task."""
        tried, question, thoughts = state["trajectories"], Question.of(state["question"]), state["thoughts"]
        shown = [as_one(one, thoughts) for one in tried]
        theirs = "\n".join([question.text, *question.choices, *(f"it is {one['answer'].text}" for one in tried)])
        seen, words = State(question=question, thoughts=shown, round=tried[-1]["number"]), ""
        about = [one for one in thoughts if one.id in {trajectory["thoughts"][-1] for trajectory in tried}]
        writer, good, written = MemoryWriter(source=source, temperature=self.writes_at), list[Lesson](), Update()
        for _ in range(2):
            update = await told(writer, words, about=about, kind="uses")(seen, runtime)
            written = _joined(written, update)
            said = last_of(update)
            found = lessons(said.text, MOST[source]) if said else []
            held = [own_strings(one, theirs, " ".join(one.text for one in shown)) for one in found]
            good = [one for one, strings in zip(found, held, strict=True) if not strings] or good
            if found and not any(held):
                break
            if not found:
                writer = MemoryWriter(source=source, single=True, temperature=self.writes_at)
                continue
            strings = ", ".join(sorted({f'"{one}"' for strings in held for one in strings}))
            words = REFUSED.format(before=_schema(found), strings=strings)
        ids = [one.id for one in written.get("thoughts", [])]
        return {**written, **({"learned": [one.model_dump() for one in good], "written": ids} if ids else {})}

    async def keep(self, best: Trajectory, state: Learning, runtime: Runtime[Context]) -> Output:
        """Store what was learned, and conclude.

        What a store refuses to take is said in the answer's data; the answer does not get lost by it.
        """
        context, store, past = runtime.context, runtime.store, recalled_in(state)
        report: dict[str, JsonValue] = {"used": [_origin(item, one.task) for one in past for item in one.items]}
        if best["success"] is not None:
            report["status"] = status_of(best)
        record, items = self._records(best, state, context)
        if self.learns(state) and "written" in state:
            report["learned"] = [_origin(one, record) for one in items]
            if store is not None and not (context.journal and context.journal.replay):
                memory = Memory(store, self.space)
                try:
                    await memory.put(record, *items)
                    if best["success"]:
                        await memory.helped(*(item.id for one in past for item in one.items))
                except StoreError as error:
                    report |= {"learned": [], "not_kept": str(error)}
        answer = best["answer"]
        if state.get("remembered") is not None:
            answer = answer.model_copy(update={"data": {**answer.data, "memory": report}})
        return {"answer": answer}

    def _records(self, best: Trajectory, state: Learning, context: Context) -> tuple[MemoryItem, list[MemoryItem]]:
        question, learned = Question.of(state["question"]), [Lesson(**one) for one in state.get("learned", [])]
        id_ = context.identify(AUTHOR, 0, TASK, question.text)
        items = [
            MemoryItem.of_run(
                context,
                lesson.numbered(number),
                id=f"{id_}-{number}",
                kind=STRATEGY,
                author="memory writer",
                thoughts=tuple(state.get("written", ())),
                data={"title": lesson.title, "task": id_, "status": status_of(best)},
            )
            for number, lesson in enumerate(learned, 1)
        ]
        record = MemoryItem.of_run(
            context,
            question.text,
            id=id_,
            kind=TASK,
            author=self.name,
            thoughts=tuple(one for trajectory in state["trajectories"] for one in trajectory["thoughts"]),
            data={
                "status": status_of(best),
                "thoughts": best["why"],
                "answer": best["answer"].text,
                "items": [one.id for one in items],
            },
        )
        return record, items


def _schema(found: Sequence[Lesson]) -> str:
    return "\n\n".join(one.numbered(number) for number, one in enumerate(found, 1))


def _joined(one: Update, other: Update) -> Update:
    thoughts = [*one.get("thoughts", []), *other.get("thoughts", [])]
    return Update(thoughts=thoughts, links=[*one.get("links", []), *other.get("links", [])])


def _origin(item: MemoryItem, task: MemoryItem) -> dict[str, JsonValue]:
    """What an answer's data says of an item: which it is, and the task that it was learned from."""
    title = str(item.data.get("title", ""))
    return {"id": item.id, "title": title, "run_id": item.run_id, "question": excerpt(task.text, 200)}
