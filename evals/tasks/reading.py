"""Reading: records from files as their makers publish them, in one form.

A record in that form has `question` and `answer`, and may have `id`, `context`, `choices`, `target_type`, `scorer`,
`parameters`, `source` and `fields` (docs/tasks.md). Records of original files are put into it by a table of fields.
"""

import csv
import gzip
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from disputatio.errors import StoreError

Record = dict[str, Any]
KEYS = {
    "id", "question", "context", "choices", "answer", "target_type", "scorer", "parameters", "source", "fields",
}  # fmt: skip
LARGEST = 1_000_000_000
"""Bytes of a file, unpacked."""


def read(path: Path, *, header: bool = True) -> list[Record]:
    """The records of a JSON, JSON Lines, CSV or TSV file, which may be packed with gzip.

    Raises:
        StoreError: If it cannot be read.
    """
    try:
        text = _text(path)
        if path.name.removesuffix(".gz").endswith((".csv", ".tsv")):
            return _table(text, "\t" if ".tsv" in path.name else ",", header)
        found = _json(text)
    except (OSError, ValueError, RecursionError, csv.Error) as error:
        raise StoreError(f"{path.name} cannot be read: {error}") from error
    records = found if isinstance(found, list) else [found]
    if not records or not all(isinstance(record, dict) for record in records):
        raise StoreError(f"{path.name} has no records: JSON objects, in a list or one a line")
    return records


def _text(path: Path) -> str:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        raw = file.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise ValueError(f"it has over {LARGEST} bytes")
    return raw.decode("utf-8-sig")


def _json(text: str) -> Any:
    """One JSON value, or one a line: some files named .json hold lines."""
    try:
        return json.loads(text)
    except ValueError as whole:
        lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
        found = []
        for number, line in lines:
            try:
                found.append(json.loads(line))
            except ValueError as error:
                raise (whole if len(found) == 0 else ValueError(f"line {number}: {error}")) from None
        return found


def _table(text: str, separator: str, header: bool) -> list[Record]:
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=separator) if row]
    names = rows.pop(0) if header else [str(place) for place in range(max(map(len, rows), default=0))]
    return [dict(zip(names, row, strict=False)) for row in rows]


def converted(raw: Record, originals: Sequence[Mapping[str, str]]) -> Iterator[Record]:
    """The records that one of a file stands for: by the first fields that fit, or itself if it is in our form.

    Raises:
        KeyError: If it is neither.
    """
    if "target_type" in raw:
        yield raw
        return
    for fields in originals:
        inner = raw.get(fields["each"]) if "each" in fields else [raw]
        if not isinstance(inner, list):
            continue
        try:
            yield from [_record({**raw, **one}, fields) for one in inner]
        except KeyError:
            continue
        return
    if {"question", "answer"} <= set(raw) <= KEYS:
        yield raw
        return
    raise KeyError(f"its fields are {', '.join(list(raw)[:20])}")


def _record(raw: Record, fields: Mapping[str, str]) -> Record:
    found = {key: filled(pattern, raw) for key, pattern in fields.items() if key not in ("each", "after", "choices")}
    if "choices" in fields:
        parts = [filled(part, raw) for part in fields["choices"].split("|")]
        found["choices"] = parts[0] if len(parts) == 1 else parts
    if "after" in fields:
        found["answer"] = str(found["answer"]).rpartition(fields["after"])[2].strip()
    extra = {key: found.pop(key) for key in list(found) if key not in KEYS}
    named = {key: value for key, value in raw.items() if key in ("task", "subject", "category", "level")}
    return {**found, "fields": {**named, **extra}}


def filled(pattern: str, record: Record) -> Any:
    """A pattern with the fields of a record in its braces; a pattern that is one field gives its value as it is.

    Raises:
        KeyError: If the record has no such field.
    """
    whole = re.fullmatch(r"\{([^{}]+)\}", pattern)
    if whole:
        return _field(whole[1], record)
    return re.sub(r"\{([^{}]+)\}", lambda found: prose(_field(found[1], record)), pattern)


def _field(name: str, record: Record) -> Any:
    value: Any = record
    for part in name.rstrip("]").split("["):
        if not isinstance(value, dict) or part not in value:
            raise KeyError(name)
        value = value[part]
    return value


def prose(value: Any) -> str:
    """A value as text: the members of a list on lines of their own, those of a list of lists in paragraphs."""
    if not isinstance(value, list):
        return str(value).strip()
    return ("\n" if all(isinstance(one, str) for one in value) else "\n\n").join(map(prose, value))
