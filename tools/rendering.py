"""Rendering: what a tool returned, as text for a model and as attachments, within a limit.

Numbers are written out, tables become Markdown, other data JSON. Bytes and images become attachments, and the text
says what they are. Of a result that is too long the beginning and the end are kept, and the text says what was cut.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from enum import Enum
from hashlib import sha256
from io import BytesIO
from typing import Any

from pydantic import BaseModel

from disputatio.errors import ToolError
from disputatio.writing import visible

MAX_OUTPUT = 4000
"""The most characters of a result that an agent sees, where a tool sets no limit of its own."""
MAX_ATTACHMENT = 4 * 2**20
"""The most bytes of an attachment."""

_MAGIC = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"%PDF-": "application/pdf",
    b"PK\x03\x04": "application/zip",
}
_UNKNOWN = "application/octet-stream"


@dataclass(frozen=True)
class Attachment:
    """Something that a tool returned and that is no text."""

    media_type: str
    """For example image/png."""
    content: bytes

    def __str__(self) -> str:
        """What stands for it in a text."""
        digest = sha256(self.content).hexdigest()[:12]
        size = ""
        if self.media_type == "image/png" and len(self.content) >= 24:
            width, height = (int.from_bytes(self.content[start : start + 4]) for start in (16, 20))
            size = f"{width} x {height} pixels, "
        return f"[{self.media_type}: {size}{len(self.content):,} bytes, sha256 {digest}]"


@dataclass(frozen=True)
class Rendered:
    """A result as a model sees it."""

    text: str
    attachments: tuple[Attachment, ...] = ()
    is_text: bool = True
    """Whether it holds words; numbers and truth values do not, so nothing can be planted in them."""


def render(value: Any, limit: int = MAX_OUTPUT) -> Rendered:
    """Write down what a tool returned.

    Args:
        value: Anything.
        limit: The most characters of the text, without the note of what was cut.

    Raises:
        ToolError: If it cannot be shown: it contains itself, is nested too deep, or fails when it is read.
    """
    try:
        return _rendered(value, limit)
    except RecursionError as error:
        raise ToolError("the result is nested too deep to be shown") from error
    except ToolError:
        raise
    except Exception as error:
        raise ToolError(f"the result cannot be shown: {type(error).__name__}: {str(error)[:200]}") from error


def _rendered(value: Any, limit: int) -> Rendered:
    if isinstance(value, Rendered):
        return Rendered(cut(visible(value.text), limit), value.attachments, value.is_text)
    if isinstance(value, str):
        return Rendered(cut(visible(_ends(value, limit)), limit, len(value)))
    if value is None or isinstance(value, bool):
        return Rendered(json.dumps(value), is_text=False)
    if isinstance(value, int | float):
        return Rendered(cut(_number(value), limit), is_text=False)
    if attached := attachment(value):
        return _attached([attached])
    if isinstance(value, list | tuple) and any(attachment(one) for one in value[:100]):
        parts = [attachment(one) or _rendered(one, limit).text for one in value[:100]]
        texts = cut("\n".join(str(part) for part in parts), limit)
        return Rendered(texts, tuple(part for part in parts if isinstance(part, Attachment)))
    if isinstance(value, list | tuple) and (table := _table(value, limit)):
        return Rendered(visible(table))
    return Rendered(_json(value, limit))


def attachment(value: Any) -> Attachment | None:
    """Bytes, an image (of Pillow, for example) or a figure of matplotlib as an attachment; None for anything else."""
    if isinstance(value, Attachment):
        found = value
    elif isinstance(value, bytes | bytearray | memoryview):
        content = bytes(value[: MAX_ATTACHMENT + 1])
        found = Attachment(next((kind for mark, kind in _MAGIC.items() if content.startswith(mark)), _UNKNOWN), content)
    elif callable(getattr(value, "savefig", None)) and not isinstance(value, type):
        file = BytesIO()
        value.savefig(file, format="png")
        found = Attachment("image/png", file.getvalue())
    elif callable(getattr(value, "_repr_png_", None)) and not isinstance(value, type):
        found = Attachment("image/png", value._repr_png_())
    else:
        return None
    if len(found.content) > MAX_ATTACHMENT:
        raise ToolError(f"the result is a file of over {MAX_ATTACHMENT:,} bytes, which is too large")
    return found


def _attached(found: list[Attachment]) -> Rendered:
    return Rendered("\n".join(map(str, found)), tuple(found))


def cut(text: str, limit: int, length: int | None = None) -> str:
    """The beginning and the end of a text that is too long, with a note of what is missing between them."""
    length = len(text) if length is None else length
    if len(text) <= limit and length <= limit:
        return text
    tail = limit // 4
    return f"{text[: limit - tail]}\n... ({length - limit:,} of {length:,} characters left out) ...\n{text[-tail:]}"


def _ends(text: str, limit: int) -> str:
    """A very long text without its middle, so that no more is worked on than is shown."""
    return text if len(text) <= 4 * limit else text[: 2 * limit] + text[-2 * limit :]


def _number(value: float) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "not a number" if math.isnan(value) else "infinity" if value > 0 else "minus infinity"
    return repr(value) if isinstance(value, float) else str(int(value))


def _table(rows: Sequence[Any], limit: int) -> str | None:
    """Records as a table in Markdown; None if they are none, or hold more than single values."""
    if not rows or not all(isinstance(row, Mapping) and row and all(map(_is_cell, row.values())) for row in rows):
        return None
    columns = list(dict.fromkeys(str(key) for row in rows for key in row))
    lines = [_line(columns), _line(["---"] * len(columns))]
    length = sum(map(len, lines))
    for number, row in enumerate(rows):
        cells = {str(key): value for key, value in row.items()}
        line = _line(_cell(cells.get(column, "")) for column in columns)
        length += len(line) + 1
        if length > limit:
            return "\n".join([*lines, f"({number} of {len(rows)} rows are shown)"])
        lines.append(line)
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _is_cell(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return _number(value)
    text = "" if value is None else str(value)[:500]
    return " ".join(text.replace("|", "\\|").split())


def _json(value: Any, limit: int) -> str:
    """Data as JSON, which is written only as far as it is shown."""
    pieces, length = [], 0
    encoder = json.JSONEncoder(ensure_ascii=False, default=_simple)
    for piece in encoder.iterencode(_simple(value) if isinstance(value, Mapping) else value):
        pieces.append(piece[: limit + 1])
        length += len(piece)
        if length > limit:
            return f"{visible(''.join(pieces)[:limit])}\n... (cut after {limit:,} characters)"
    return visible("".join(pieces))


def _simple(value: Any) -> Any:
    """Something that JSON has no form for, as something that it has."""
    match value:
        case Mapping():
            return {key if isinstance(key, str) else str(key): one for key, one in value.items()}
        case BaseModel():
            return value.model_dump()
        case Enum():
            return value.value
        case set() | frozenset() | range():
            return list(value)
        case bytes() | bytearray() | Attachment():
            return str(attachment(value))
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if callable(getattr(value, "tolist", None)):  # arrays and numbers of numpy
        return value.tolist()
    return str(value)[:MAX_OUTPUT]
