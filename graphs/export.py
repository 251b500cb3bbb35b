"""Export: finished runs as data sets to train on, one file of JSON lines for each type and split, and a manifest.

    results -> whole and kept -> candidates -> rows of a type -> checks -> files, manifest

What is left out on the way is counted by its reason at each step. The same results give the same bytes.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b, sha256
from pathlib import Path

import orjson
from pydantic import JsonValue

from disputatio.errors import ConfigurationError, StoreError
from disputatio.graphs.candidates import Candidate
from disputatio.graphs.manifest import Exported, Manifest, Written, manifest_of, name_of
from disputatio.graphs.training_rows import Kind, Row, as_messages, as_text, length_of, texts_of
from disputatio.question import Question
from disputatio.redaction import redactor
from disputatio.result import Result
from disputatio.writing import plain

WHOLE = ("finished", "agreed", "undecided")
"""Stop reasons of runs that came to their end."""
SPLITS = ("train", "test")
TYPES = (
    "language_modelling",
    "prompt_completion",
    "preference",
    "unpaired_preference",
    "stepwise_supervision",
    "prompt_only",
)


@dataclass(frozen=True, kw_only=True)
class _Run:
    """A run that is exported, under the id of its task and in its split."""

    result: Result
    task: str
    split: str


def export(
    results: Iterable[Result],
    folder: Path | str,
    kinds: Sequence[Kind],
    *,
    dropped: Mapping[str, int] | None = None,
    keep: Callable[[Result], str] = lambda result: "",
    conversational: bool = True,
    held_out: Iterable[Question | str] = (),
    overlap: int = 13,
    longest: int | None = None,
    test_share: float = 0.0,
    seed: int = 0,
    licence: str = "",
    secrets: Sequence[str] = (),
) -> Manifest:
    """Write the rows that finished runs offer, in the formats that TRL reads, and a manifest.

    All rows of a task, known by its question's id or else its words, are in one split. Secrets are taken out of all
    texts (`disputatio.redaction`) before anything is compared.

    Args:
        results: The runs, in the order in which their rows are written.
        folder: Where the files go; those of an export that is there are replaced.
        kinds: What to write, one of each type at most; see `disputatio.graphs.training_rows`.
        dropped: Runs that were left out before, by reason: `Synthesis.dropped`.
        keep: Why a run is left out, in few words; empty if it is not.
        conversational: Whether prompts and completions are messages, or text. Steps are text in any case.
        held_out: Questions, or texts, that no row may share `overlap` words in a row with: the tests to come. Of a
            shorter one all words count.
        overlap: Words, at least 1; 13 as in Brown et al. 2020, arXiv:2005.14165, appendix C.
        longest: Characters that a row may have, prompt and longer completion together; None is no limit.
        test_share: How much of the tasks is put aside, from 0 to below 1.
        seed: Which tasks are put aside.
        licence: Of the questions, for the manifest.
        secrets: Secrets besides those that are found by their form or in the environment.

    Raises:
        ConfigurationError: If a type is there twice or none at all, or a number is out of range.
        StoreError: If the folder cannot be written.
    """
    names = [kind.type for kind in kinds]
    if not names or len(set(names)) < len(names) or not set(names) <= set(TYPES):
        raise ConfigurationError(f"an export needs types, each once, of {', '.join(TYPES)}; got {names}")
    if not 0 <= test_share < 1 or overlap < 1 or (longest is not None and longest < 1):
        raise ConfigurationError(
            "an export needs a test_share from 0 to below 1, and overlap and longest of at least 1"
        )
    redact = redactor(secrets)
    clean: Callable[[str], str] = lambda text: redact(plain(text)).strip()  # noqa: E731
    is_known = _overlaps([clean(str(one)) for one in held_out], overlap)
    out = Counter(dropped or {})
    runs = list(_kept(results, keep, out, clean, test_share, seed))
    files: dict[str, bytes] = {}
    types = {}
    for kind in kinds:
        left_out: Counter[str] = Counter()
        lines: dict[str, list[Row]] = {split: [] for split in SPLITS if split == "train" or test_share}
        offered, rows = _rows(kind, runs, clean, left_out)
        for split, row in rows:
            if reason := _unfit(row, longest, is_known):
                left_out[reason] += 1
            else:
                lines[split].append(as_messages(row) if conversational else as_text(row))
        coded = {f"{kind.type}-{split}.jsonl": [orjson.dumps(row) + b"\n" for row in lines[split]] for split in lines}
        files |= {name: b"".join(rows) for name, rows in coded.items()}
        types[kind.type] = Exported(
            candidates=offered,
            rows=sum(map(len, coded.values())),
            dropped=dict(sorted(left_out.items())),
            settings={"source": name_of(kind.source), **kind.settings},
            files={name: Written(rows=len(coded[name]), sha256=sha256(files[name]).hexdigest()) for name in coded},
        )
    told: dict[str, JsonValue] = {
        "keep": name_of(keep),
        "conversational": conversational,
        "overlap": overlap,
        "longest": longest,
        "test_share": test_share,
        "seed": seed,
        "licence": licence,
    }
    manifest = manifest_of([one.result for one in runs], out, types, told, redact)
    _write(Path(folder), {**files, "manifest.json": manifest.model_dump_json(indent=2).encode() + b"\n"})
    return manifest


def _unfit(row: Row, longest: int | None, is_known: Callable[[Sequence[str]], bool]) -> str:
    """Why a row is not written; empty if it is."""
    texts = texts_of(row)
    if not all(texts):
        return "empty"
    if longest is not None and length_of(row) > longest:
        return "too long"
    return "shared with what is held out" if is_known(texts) else ""


def _kept(
    results: Iterable[Result],
    keep: Callable[[Result], str],
    out: Counter[str],
    clean: Callable[[str], str],
    test_share: float,
    seed: int,
) -> Iterator[_Run]:
    """The runs that came to their end and are wanted, each in its split; the others are counted."""
    by_task: dict[str, str] = {}
    by_words: dict[str, str] = {}
    for result in results:
        words = clean(str(result.question))
        task = result.question.id or blake2b(words.encode(), digest_size=8).hexdigest()
        share = int.from_bytes(blake2b(f"{seed}/{task}".encode(), digest_size=8).digest()) / 2**64
        split = by_words.get(words) or by_task.get(task) or ("test" if share < test_share else "train")
        if by_task.setdefault(task, split) != split:
            reason = "its question is in both splits"
        elif result.stop_reason not in WHOLE or result.answer.stop_reason == "error":
            reason = f"ended by {result.stop_reason}"
        else:
            reason = keep(result)
        by_words.setdefault(words, split)
        if reason:
            out[reason] += 1
        else:
            yield _Run(result=result, task=task, split=split)


def _rows(
    kind: Kind, runs: Sequence[_Run], clean: Callable[[str], str], out: Counter[str]
) -> tuple[int, list[tuple[str, Row]]]:
    """How many candidates there were, and the rows with their splits."""
    groups: dict[str, list[Candidate]] = {}
    first: dict[str, _Run] = {}
    offered = 0
    for run in runs:
        for one in kind.source(run.result):
            offered += 1
            if one.rejected:
                out[one.rejected] += 1
                continue
            cleaned = replace(one, prompt=clean(one.prompt), text=clean(one.text), steps=tuple(map(clean, one.steps)))
            groups.setdefault(cleaned.prompt, []).append(cleaned)
            first.setdefault(cleaned.prompt, run)
    rows: list[tuple[str, Row]] = []
    for prompt, group in groups.items():
        candidates = list(_distinct(group, out)) if kind.distinct else group
        for row in kind.rule(first[prompt].task, prompt, candidates):
            if isinstance(row, str):
                out[row] += 1
            else:
                rows.append((first[prompt].split, row))
    return offered, rows


def _distinct(group: Sequence[Candidate], out: Counter[str]) -> Iterator[Candidate]:
    """Candidates that say the same as one, with their mean score; steps that are labelled in two ways are dropped."""
    same: dict[tuple[str, tuple[str, ...]], list[Candidate]] = {}
    for one in group:
        same.setdefault((one.text, one.steps), []).append(one)
    for alike in same.values():
        if len({one.labels for one in alike}) > 1:
            out["labelled in two ways"] += len(alike)
            continue
        out["duplicate"] += len(alike) - 1
        yield replace(alike[0], score=sum(one.score for one in alike) / len(alike))
    out += Counter()  # without the zeros


def _overlaps(texts: Sequence[str], size: int) -> Callable[[Sequence[str]], bool]:
    """Whether a text shares that many words in a row with one of these; with a shorter one, all its words."""
    known: dict[int, set[tuple[str, ...]]] = {}
    for text in texts:
        words = _words(text)
        length = min(size, len(words))
        known.setdefault(length, set()).update(_runs(words, length))
    known.pop(0, None)
    return lambda given: any(
        not found.isdisjoint(_runs(words, length)) for words in map(_words, given) for length, found in known.items()
    )


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _runs(words: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    return (tuple(words[start : start + length]) for start in range(len(words) - length + 1))


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write all files, the manifest last, each by one rename; those of an earlier export are gone."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for stale in ["manifest.json", *(f"{type}-{split}.jsonl" for type in TYPES for split in SPLITS)]:
            (folder / stale).unlink(missing_ok=True)
        for name, content in files.items():
            beside = folder / f".{name}.new"
            beside.write_bytes(content)
            os.replace(beside, folder / name)
    except OSError as error:
        raise StoreError(f"cannot write the export to {str(folder)!r}: {error.strerror}") from error
