"""Candidates: what a finished run offers to learn from, namely completions of prompts and how good each is.

    conclusions     the answer of the run with its reasoning
    drafts          what each solver wrote: samples, drafts and their revisions
    siblings        next steps of a tree search after the same steps, by their values
    rollout_steps   whole paths of a tree search, each step labelled by whether a rollout from it came to the goal
    critic_steps    drafts, each step labelled by what a step critic found
    deliberations   of AIDSAFE: the thoughts that were kept and the final response, and the seed that was found wanting

A prompt is made of the question alone, and never of what a graph told its agents. What is of no use is a candidate
all the same, with the reason, so that nothing is dropped in silence.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from disputatio.agents.forms import label
from disputatio.agents.proposer import so_far, step_of
from disputatio.agents.step_critic import judgements, steps_of
from disputatio.errors import ConfigurationError
from disputatio.question import Question
from disputatio.result import Result
from disputatio.strict_json import parse_object
from disputatio.thought import Thought
from disputatio.writing import numbered

Check = Callable[[Question, str], float]
"""How good an answer to a question is, from 0 (wrong) to 1 (right): an exact checker, tests, a judge."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A completion of a prompt."""

    prompt: str
    text: str = ""
    score: float = 0.0
    """How good it is, from 0 to 1."""
    steps: tuple[str, ...] = ()
    """Its steps, where these are labelled."""
    labels: tuple[bool, ...] = ()
    """Whether each step is right."""
    rejected: str = ""
    """Why it is of no use; empty if it is."""


Source = Callable[[Result], Iterable[Candidate]]


def exact(targets: Mapping[str, str]) -> Check:
    """Make a check by what is known to be right: 1 if the canonical forms are equal, else 0.

    Args:
        targets: The right answers, by the ids of the questions.
    """

    def exactly(question: Question, answer: str) -> float:
        if question.id is None or question.id not in targets:
            raise ConfigurationError(f"no right answer is known for the question {question.id or question.text[:60]!r}")
        right = question.canonical(targets[question.id])
        if right is None:
            raise ConfigurationError(f"{targets[question.id]!r} is no answer to the question {question.id!r}")
        return float(question.canonical(answer) == right)

    return exactly


def conclusions(check: Check | None = None) -> Source:
    """Take the answer of each run with its reasoning, the successful path and nothing that was abandoned.

    Args:
        check: How good it is; None goes by the verdicts on it in the record, as `verified` puts them there.
    """

    def source(result: Result) -> Iterator[Candidate]:
        answer, prompt = result.answer, str(result.question)
        ends = [one for one in result.thoughts if one.text == (answer.rationale or answer.text)]
        if answer.abstained:
            yield Candidate(prompt=prompt, rejected="no answer")
        elif any(one.cut for one in ends):
            yield Candidate(prompt=prompt, rejected="cut off")
        elif _uses_tools(result):
            yield Candidate(prompt=prompt, rejected="rests on what a tool returned")
        else:
            score = check(result.question, answer.text) if check else _by_verdict(result, [one.id for one in ends])
            yield _scored(result, answer.rationale, answer.text, score)

    return source


def drafts(check: Check | None = None, *, roles: Sequence[str] = ("solver",)) -> Source:
    """Take each solution that was written: siblings of a fan-out, drafts and what they became.

    Args:
        check: How good an answer is; None goes by the verdicts on it in the record.
        roles: Of whom: solvers write a whole solution of the question. Debaters answer one another; do not take them.
    """

    def source(result: Result) -> Iterator[Candidate]:
        prompt, observed, partial = str(result.question), _observed(result), _partial(result)
        for one in [one for one in result.thoughts if one.role in roles]:
            if one.cut:
                yield Candidate(prompt=prompt, rejected="cut off")
            elif result.question.canonical(one.answer) is None:
                yield Candidate(prompt=prompt, rejected="no answer")
            elif one.id in partial:
                yield Candidate(prompt=prompt, rejected="part of a solution")
            elif one.id in observed:
                yield Candidate(prompt=prompt, rejected="rests on what a tool returned")
            else:
                answer = one.answer or ""
                score = check(result.question, answer) if check else _by_verdict(result, [one.id])
                yield _scored(result, one.text, answer, score, one.data)

    return source


def siblings(result: Result) -> Iterator[Candidate]:
    """Take the steps of a tree search, each as a completion of the question and the steps before it.

    Their scores are the values that the search gave them. As preferences with a margin of 3/8 and all pairs, they are
    those of He et al. 2024, arXiv:2407.00390, section 3.1, where the values are shares of rollouts that come to the
    known answer (`tree_plv_search(target=...)`).
    """
    values = _values(result)
    for path in _paths(result, values):
        step, before = path[-1], so_far(path[:-1])
        prompt = "\n\n".join(part for part in (str(result.question), before) if part)
        if step.cut:
            yield Candidate(prompt=prompt, rejected="cut off")
        elif not isfinite(values[step.id]):
            yield Candidate(prompt=prompt, rejected="no value")
        else:
            yield Candidate(prompt=prompt, text=_written(step), score=min(max(values[step.id], 0.0), 1.0))


def rollout_steps(result: Result) -> Iterator[Candidate]:
    """Take the whole paths of a tree search; a step is right if at least one rollout from it came to the goal.

    That is a label only where the search was given the right answer. What follows the first false step is cut off.
    The estimate is that of Wang et al. 2024, arXiv:2312.08935, section 3.3 (hard estimation).
    """
    values = _values(result)
    paths = _paths(result, values)
    inner = {one.id for path in paths for one in path[:-1]}
    for path in paths:
        if path[-1].id not in inner:
            texts = [_written(one) for one in path]
            yield _stepwise(result, texts, [values[one.id] > 0 for one in path], cut=any(one.cut for one in path))


def critic_steps(result: Result) -> Iterator[Candidate]:
    """Take each draft that a step critic went through; what follows the first false step is cut off.

    The labels are the critic's, step by step. A draft is rejected if a step has no clear verdict, or if all its steps
    are right by the critic and its answer is not: nobody knows then which step is wrong.
    """
    said = {one.id: one for one in result.thoughts}
    for link in result.links:
        critique, draft = said.get(link.source), said.get(link.target)
        if not critique or not draft or link.kind not in ("verifies", "attacks") or "steps" not in critique.data:
            continue
        steps, found = steps_of(draft.text), judgements(critique)
        known = [one for one in found if one is not None]
        if len(found) != len(steps) or len(known) < len(found):
            yield Candidate(prompt=str(result.question), rejected="a step without a verdict")
        elif all(known) and critique.data.get("verdict") != "supported":
            yield Candidate(prompt=str(result.question), rejected="right steps to an answer that is not")
        else:
            yield _stepwise(result, steps, known, cut=draft.cut)


def deliberations(check: Check | None = None) -> Source:
    """Take what `aidsafe_deliberation` came to: the thoughts that the refiner kept, and the final response.

    The first thoughts and response are a candidate of score 0 where a deliberator found them wrong or incomplete, so
    that the two are a preference.

    Departs from the paper (arXiv:2505.21784, section 3.4): its rejected samples are written by an adversary that argues
    for breaking a policy, which is not included.

    Args:
        check: How good the final response is; None trusts the refiner, and gives it 1.
    """

    def source(result: Result) -> Iterator[Candidate]:
        answer, chain = result.answer, result.answer.data.get("chain")
        seed = next((one for one in result.thoughts if one.author == "seed"), None)
        if answer.abstained or not isinstance(chain, list):
            yield Candidate(prompt=str(result.question), rejected="no answer")
            return
        score = check(result.question, answer.text) if check else 1.0
        yield _scored(result, numbered(chain), answer.text, score)
        doubted = any(one.data.get("agree") is False for one in result.thoughts)
        first = seed.data.get("thoughts") if seed else None
        if doubted and seed and seed.answer and isinstance(first, list):
            yield _scored(result, numbered(first), seed.answer, 0.0)

    return source


def _scored(result: Result, text: str, answer: str, score: float | None, fields: Iterable[str] = ()) -> Candidate:
    """A completion of the question, without the lines of the form and with the answer on one of its own."""
    prompt = str(result.question)
    names = {label(one).casefold() for one in ("answer", "confidence", *fields)}
    lines = [line for line in text.splitlines() if _head(line) not in names]
    working = "\n".join(lines).strip()
    if score is None:
        return Candidate(prompt=prompt, rejected="no verdict")
    if not 0 <= score <= 1:
        raise ConfigurationError(f"a check gives a score from 0 to 1, got {score!r}")
    if _is_object(working):
        return Candidate(prompt=prompt, rejected="not in prose")
    if any(f"[{one.author}]" in text for one in result.thoughts):
        return Candidate(prompt=prompt, rejected="speaks of another agent")
    return Candidate(
        prompt=prompt, text="\n\n".join(part for part in (working, f"Answer: {answer}") if part), score=score
    )


def _head(line: str) -> str | None:
    """The label that a line begins with, as forms are read; None without one."""
    head, colon, _ = re.sub(r"[*_#`]+", "", line).partition(":")
    return head.strip(" -").casefold() if colon else None


def _stepwise(result: Result, steps: Sequence[str], labels: Sequence[bool], *, cut: bool) -> Candidate:
    first = labels.index(False) + 1 if False in labels else len(labels)
    if cut or not steps or not all(one.strip() for one in steps):
        return Candidate(prompt=str(result.question), rejected="cut off" if cut else "an empty step")
    return Candidate(prompt=str(result.question), steps=tuple(steps[:first]), labels=tuple(labels[:first]))


def _by_verdict(result: Result, ids: Sequence[str]) -> float | None:
    """What the verdicts on a thought come to: their mean, None without a clear one."""
    said = {one.id: one for one in result.thoughts}
    verdicts = [said[one.source] for one in result.links if one.target in ids and one.source in said]
    ruled = {"supported": 1.0, "refuted": 0.0, "undecided": None}
    scores = [
        ruled.get(str(one.data["verdict"])) if "verdict" in one.data else one.score
        for one in verdicts
        if one.kind == "verdict"
    ]
    clear = [one for one in scores if one is not None]
    return sum(clear) / len(clear) if clear else None


def _observed(result: Result) -> set[str]:
    """Ids of the thoughts that are linked to what a tool returned."""
    tools = {one.id for one in result.thoughts if one.role == "tool"}
    return {link.source for link in result.links if link.target in tools}


def _uses_tools(result: Result) -> bool:
    """Whether the run used tools for more than its verdicts."""
    verdicts = {one.id for one in result.thoughts if one.kind == "verdict"}
    checked = {link.target for link in result.links if link.source in verdicts}
    return any(one.role == "tool" and one.id not in checked for one in result.thoughts)


def _partial(result: Result) -> set[str]:
    """Ids of the thoughts that are steps of a tree, or go on from one."""
    steps = _values(result).keys()
    return {*steps, *(link.source for link in result.links if link.target in steps)}


def _values(result: Result) -> dict[str, float]:
    values = result.answer.data.get("values")
    said = {one.id for one in result.thoughts}
    found = values.items() if isinstance(values, dict) else ()
    return {id: float(value) for id, value in found if id in said and isinstance(value, int | float)}


def _paths(result: Result, values: Mapping[str, float]) -> list[list[Thought]]:
    """The steps from the first to each node of a tree, in the order of the tree."""
    said = {one.id: one for one in result.thoughts}
    parents = {one.source: one.target for one in result.links if one.kind == "refines" and one.source in values}
    paths = []
    for id in values:
        path = [said[id]]
        while parents.get(path[0].id) in values:
            path.insert(0, said[parents[path[0].id]])
        paths.append(path)
    return paths


def _written(step: Thought) -> str:
    """A step, with the answer that it comes to."""
    return "\n".join(part for part in (step_of(step), f"Answer: {step.answer}" if step.answer else "") if part)


def _is_object(text: str) -> bool:
    try:
        parse_object(text)
    except ValueError:
        return False
    return True
