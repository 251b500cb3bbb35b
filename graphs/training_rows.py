"""Training rows: candidates as the rows of a data set, in the types that TRL's trainers read.

    type                  trainer              columns
    language_modelling    SFT                  messages, or text
    prompt_completion     SFT                  prompt, completion
    preference            DPO, reward model    prompt, chosen, rejected
    unpaired_preference   KTO                  prompt, completion, label
    stepwise_supervision  PRM                  prompt, completions, labels
    prompt_only           GRPO, RLOO           prompt, and what else its reward function needs

Each is a `Kind`: a source of candidates, and the rule by which they become rows. A rule that makes no row of
something gives the reason.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from pydantic import JsonValue

from disputatio.errors import ConfigurationError
from disputatio.graphs.candidates import Candidate, Source

Row = dict[str, Any]
"""The columns of one row, as plain text; `export` makes messages of them."""
Rule = Callable[[str, str, Sequence[Candidate]], Iterator[Row | str]]
"""The rows that a task's id, a prompt and its candidates make, and for what makes none the reason."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One type of rows: where they come from, and how they are made."""

    type: str
    source: Source
    rule: Rule
    settings: Mapping[str, JsonValue] = field(default_factory=dict)
    """For the manifest."""
    distinct: bool = True
    """Whether candidates that say the same count once."""


def language_modelling(source: Source, *, least: float = 1.0) -> Kind:
    """Whole dialogues of a prompt and a good completion.

    Args:
        source: Which candidates.
        least: The lowest score of a good one.
    """

    def rule(task: str, prompt: str, candidates: Sequence[Candidate]) -> Iterator[Row | str]:
        for one in candidates:
            yield {"text": (prompt, one.text)} if one.score >= least else "score too low"

    return Kind(type="language_modelling", source=source, rule=rule, settings={"least": _share(least)})


def prompt_completion(source: Source, *, least: float = 1.0) -> Kind:
    """Prompts with a good completion.

    Args:
        source: Which candidates.
        least: The lowest score of a good one.
    """

    def rule(task: str, prompt: str, candidates: Sequence[Candidate]) -> Iterator[Row | str]:
        for one in candidates:
            yield {"prompt": prompt, "completion": one.text} if one.score >= least else "score too low"

    return Kind(type="prompt_completion", source=source, rule=rule, settings={"least": _share(least)})


def preference(source: Source, *, margin: float = 0.5, most: int | None = 1) -> Kind:
    """Pairs of completions of the very same prompt, of which one is better by a margin; the widest gaps first.

    Args:
        source: Which candidates.
        margin: The least difference of their scores, above 0.
        most: The most pairs of one prompt; None is no limit.

    Raises:
        ConfigurationError: If the margin is not above 0, or no pair is allowed.
    """
    if not 0 < margin <= 1 or (most is not None and most < 1):
        raise ConfigurationError(f"preferences need a margin above 0 and at least 1 pair, got {margin} and {most}")

    def rule(task: str, prompt: str, candidates: Sequence[Candidate]) -> Iterator[Row | str]:
        if len(candidates) == 1:
            yield "only one completion"
        pairs = [sorted(two, key=lambda one: -one.score) for two in combinations(candidates, 2)]
        pairs.sort(key=lambda two: two[1].score - two[0].score)  # stable: of equal gaps the earlier candidates
        for number, (better, worse) in enumerate(pairs):
            if better.score - worse.score < margin - 1e-9:
                yield "margin too small"
            elif most is not None and number >= most:
                yield "enough pairs of this prompt"
            else:
                yield {"prompt": prompt, "chosen": better.text, "rejected": worse.text}

    return Kind(type="preference", source=source, rule=rule, settings={"margin": margin, "most": most})


def unpaired_preference(source: Source, *, good: float = 1.0, bad: float = 0.0) -> Kind:
    """Completions labelled as desirable or not; those between the two scores are left out.

    Args:
        source: Which candidates.
        good: The lowest score of a desirable one.
        bad: The highest score of an undesirable one.

    Raises:
        ConfigurationError: If the two are not in this order.
    """
    if not bad < good:
        raise ConfigurationError(f"a good score is above a bad one, got {good} and {bad}")

    def rule(task: str, prompt: str, candidates: Sequence[Candidate]) -> Iterator[Row | str]:
        for one in candidates:
            if bad < one.score < good:
                yield "neither good nor bad"
            else:
                yield {"prompt": prompt, "completion": one.text, "label": one.score >= good}

    return Kind(type="unpaired_preference", source=source, rule=rule, settings={"good": good, "bad": bad})


def stepwise_supervision(source: Source) -> Kind:
    """Solutions in steps, each with whether it is right; the labels are never made of the outcome.

    Args:
        source: Which candidates: `critic_steps` or `rollout_steps`.
    """

    def rule(task: str, prompt: str, candidates: Sequence[Candidate]) -> Iterator[Row | str]:
        for one in candidates:
            if one.steps and len(one.steps) == len(one.labels):
                yield {"prompt": prompt, "completions": list(one.steps), "labels": list(one.labels)}
            else:
                yield "no labelled steps"

    return Kind(type="stepwise_supervision", source=source, rule=rule)


def prompt_only(
    source: Source, *, answers: Mapping[str, str] | None = None, least: float = 1.0, column: str = "answer"
) -> Kind:
    """Prompts that are solved sometimes: neither always nor never, by the share of their candidates that are good.

    Args:
        source: Which candidates; each attempt counts, equal ones too.
        answers: The right answers by the ids of the questions, for a reward function; None leaves the column out.
        least: The lowest score of a good one.
        column: What the column with the answer is called.
    """

    def rule(task: str, prompt: str, candidates: Sequence[Candidate]) -> Iterator[Row | str]:
        solved = [one.score >= least for one in candidates]
        if all(solved) or not any(solved):
            yield "always solved" if all(solved) else "never solved"
        elif answers is not None and task not in answers:
            yield "no right answer known"
        else:
            yield {"prompt": prompt} if answers is None else {"prompt": prompt, column: answers[task]}

    known: dict[str, JsonValue] = {} if answers is None else {"column": column}
    settings: dict[str, JsonValue] = {"least": _share(least), **known}
    return Kind(type="prompt_only", source=source, rule=rule, settings=settings, distinct=False)


def texts_of(row: Row) -> list[str]:
    """All texts of a row."""
    values = [value for value in row.values() if not isinstance(value, bool)]
    return [text for value in values for text in (value if isinstance(value, list | tuple) else [value])
            if isinstance(text, str)]  # fmt: skip


def length_of(row: Row) -> int:
    """Characters of the prompt and of the longest completion."""
    lengths = {name: sum(map(len, [value] if isinstance(value, str) else value)) for name, value in row.items()
               if name not in ("label", "labels")}  # fmt: skip
    return lengths.pop("prompt", 0) + max(lengths.values(), default=0)


def as_messages(row: Row) -> Row:
    """The row in TRL's conversational format."""
    if "labels" in row:
        return row
    if "text" in row:
        prompt, completion = row["text"]
        return {"messages": [*_said("user", prompt), *_said("assistant", completion)]}
    spoken = {"prompt": "user", "completion": "assistant", "chosen": "assistant", "rejected": "assistant"}
    return {name: _said(spoken[name], value) if name in spoken else value for name, value in row.items()}


def _said(role: str, content: str) -> list[dict[str, str]]:
    return [{"role": role, "content": content}]


def as_text(row: Row) -> Row:
    """The row in TRL's standard format, where a completion follows its prompt as it is."""
    if "text" in row:
        return {"text": "\n\n".join(row["text"])}
    return row if "labels" in row else {**row, "prompt": f"{row['prompt']}\n\n"}


def _share(least: float) -> float:
    if not 0 < least <= 1:
        raise ConfigurationError(f"the lowest good score is above 0 and at most 1, got {least}")
    return least
