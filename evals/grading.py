"""Grading: whether the reason that an agent gave for a first wrong step is the true one, by a model of its own.

Only where an agent found the right step of a wrong solution is there a reason to grade. The grader reads the question,
the solution, its first wrong step, the true reason and the reason given (Zeng et al. 2023, arXiv:2312.17080, section
4). It never meets the agents, and what it spends is its own.

What the grader is worth is measured beside it: of reasons whose grade is known, the true ones themselves are to be
found correct, and those of other solutions wrong. A grader that fails there is none; one that passes may still err.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import islice
from typing import Annotated, Any, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from pydantic import Field

from disputatio.agents import Agent, Form
from disputatio.agents.forms import naming
from disputatio.budget import Budget
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.evals.bench import Bench, Trial
from disputatio.evals.examination import finding_in
from disputatio.evals.items import Item, Task
from disputatio.evals.metrics.meta_reasoning import known_of, solution_in
from disputatio.memory import everything
from disputatio.model import Model
from disputatio.question import Question
from disputatio.state import Input, Output, State
from disputatio.strategies import strategy
from disputatio.thought import Answer, Thought

GRADE = """\
You grade an explanation. The solution is wrong, and {step} is its first wrong step. [truth] says why; \
[explanation] is what somebody else gave as the reason. First say in one sentence what the fault is by [truth], then \
in another whether [explanation] names the same fault. Words and language do not matter; a true remark on another \
fault does not count. Then rule: "correct" if the fault is the same, else "wrong"."""
NO_REASONS = "no task has the reasons of first wrong steps, to hold others against; mr_ben and mr_gsm8k have"
CONTROLS = 20
"""On so many solutions of each task the grader is tried, with their true reason and with that of the next one."""
REASONS, TRUE, FOREIGN = "reasons", "true reasons", "reasons of other solutions"
"""The tasks of a grader."""


class Grade(Form):
    """What the grader finds."""

    comparison: str = Field(default="", description="what the fault is, and whether the explanation names it")
    verdict: Annotated[Literal["correct", "wrong"], naming(("correct", "wrong"))] = Field(
        description="correct or wrong"
    )


@strategy(source="Zeng et al. 2023, arXiv:2312.17080, section 4; dvlab-research/MR-GSM8K", calls=lambda: 1)
def reason_grading() -> StateGraph[State, Context, Input, Output]:
    """Grade the reason for a first wrong step: "correct", "wrong", or no answer where the grade cannot be read.

    The question's documents are the solution, the step, the true reason, and the reason that is graded.

    Departs from the paper: the wording is our own; the grader is told that language does not matter, since some true
    reasons are in Chinese; a reason that is empty is wrong without a grade.
    """

    async def grade(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        question = Question.of(state["question"])
        solution, step, truth, given = question.context
        said = Thought(author="explanation", role="solver", kind="critique", text=given, data={"trusted": False})
        shown = [
            Thought(author="solution", role="solver", kind="claim", text=solution),
            Thought(author="truth", role="annotator", kind="critique", text=truth),
            said,
        ]
        grader = Agent(
            name="grader",
            role="grader",
            instruction=GRADE.format(step=step),
            kind="verdict",
            form=Grade,
            view=everything,
            temperature=0.0,
        )
        update = await grader(State(question=question.model_copy(update={"context": ()}), thoughts=shown), runtime)
        verdicts = [one.data.get("verdict") for one in update.get("thoughts", [])]
        ruled = str(verdicts[-1]) if verdicts and verdicts[-1] else ""
        return {"answer": Answer(text=ruled, value=ruled or None)}

    graph: StateGraph[Any, Context, Input, Output] = StateGraph(
        State, Context, input_schema=Input, output_schema=Output
    )
    graph.add_node(grade)
    graph.add_edge(START, "grade")
    graph.add_edge("grade", END)
    return graph


@dataclass(frozen=True)
class Grades:
    """What a grader has found: of the agents' reasons, and of reasons whose grade is known."""

    model: str
    trials: Sequence[Trial]
    """Of the bench that `grading` makes."""

    @cached_property
    def _known(self) -> dict[str, bool]:
        return {one.item: one.answer == "correct" for one in self.trials if not one.error}

    def of(self, item: Item, given: str) -> bool | None:
        """Whether a reason is the true one; None if it was not graded.

        No reason, and a grade that cannot be read, are a no.
        """
        if not given and reason_of(item):
            return False
        asked = _asked(item, given)
        return self._known.get(asked.id) if asked else None


def grading(
    trials: Sequence[Trial], tasks: Sequence[Task], model: Model, *, workers: int = 8, at_once: int | None = 1
) -> Bench:
    """The bench of a grader: the reasons that agents gave for steps that they found, and those of known grade.

    The same reason for the same step is graded once, however many agents and epochs gave it.

    Args:
        trials: Of the examination of agents.
        tasks: Those on which they were examined.
        model: The grader's.
        workers: Grades under way at one time.
        at_once: Calls of one grade under way at one time.

    Raises:
        ConfigurationError: If no task has the reason of a first wrong step.
    """
    items = {(task.name, item.id): item for task in tasks for item in task.items if item.scorer == "ruling"}
    found = [_asked(items[key], one.rationale) for one in trials if (key := (one.task, one.item)) in items and
             _located(items[key], one)]  # fmt: skip
    made = {REASONS: found, TRUE: list(_controls(tasks, True)), FOREIGN: list(_controls(tasks, False))}
    if not any(made[TRUE]):
        raise ConfigurationError(NO_REASONS)
    return Bench(
        strategies={model.name: reason_grading},
        tasks=[_task(name, asked) for name, asked in made.items() if any(asked)],
        model=model,
        budget=Budget(calls=model.profile.calls_per_turn),
        temperature=0.0,
        workers=workers,
        at_once=at_once,
    )


def reason_of(item: Item) -> str:
    """The true reason of an item's first wrong step; empty if it is not known."""
    return str(item.meta.get("reason") or "")


def _located(item: Item, trial: Trial) -> bool:
    """Whether an agent found a solution wrong, and its first wrong step."""
    truth, said = known_of(item), finding_in(trial.answer)
    return truth.correct is False and said.correct is False and said.step == truth.step and not trial.error


def _asked(item: Item, given: str, right: str = "correct") -> Item | None:
    """The item of a grader; its id says what is asked. None where there is no reason, or none to hold it against."""
    known, truth = known_of(item), reason_of(item)
    if known.step is None or not truth or not given:
        return None
    question, solution = solution_in(item.question)
    documents = (solution.text, f"step {known.step}", truth, given)
    digest = blake2b("\0".join((GRADE, question.text, *documents)).encode(), digest_size=16).hexdigest()
    return Item(id=digest, question=Question(text=question.text, context=documents), target=right, scorer="text")


def _controls(tasks: Sequence[Task], own: bool) -> Iterator[Item | None]:
    """Reasons of known grade: the true ones themselves, or each solution with the reason of the next one."""
    for task in tasks:
        graded = (one for one in task.items if one.scorer == "ruling" and known_of(one).step and reason_of(one))
        wrong = list(islice(graded, CONTROLS))
        for item, neighbour in zip(wrong, [*wrong[1:], *wrong[:1]], strict=True):
            given = reason_of(item if own else neighbour)
            if own or given != reason_of(item):
                yield _asked(item, given, "correct" if own else "wrong")


def _task(name: str, asked: Sequence[Item | None]) -> Task:
    items = {one.id: one for one in asked if one is not None}
    return Task(name=name, items=list(items.values()), source="made of an examination", licence="", description=name)
