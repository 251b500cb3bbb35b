"""Files: tools that list, read and search the text files of one folder."""

import time
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from disputatio.errors import ToolError
from disputatio.tools.folder import MAX_FILE, Folder
from disputatio.tools.rendering import MAX_OUTPUT
from disputatio.tools.tool import Tool, tool

MAX_ENTRIES = 200
MAX_LINE = 500
"""Characters of a line that are shown."""
MAX_HITS = 50
SECONDS = 10.0
"""How long a search may take."""


def files(folder: Path | str, *, name: str = "", hidden: bool = False) -> list[Tool]:
    """The tools `list_files`, `read_file` and `find_in_files` of a folder.

    They read plain files below it and nothing else; see `disputatio.tools.folder`. Links are not followed.

    Args:
        folder: The folder. What is in it is sent to the model: do not take one with keys in it.
        name: Put before their names, with two underscores.
        hidden: Whether files and folders whose names begin with a dot count, too.

    Raises:
        StoreError: If there is no such folder.
        ConfigurationError: If the system cannot hold the tools to the folder; Linux and macOS can.
    """
    inside = Folder(Path(folder), hidden)
    prefix = f"{name}__" if name else ""

    @tool(name=f"{prefix}list_files", access="read")
    def list_files(path: str = "") -> str:
        """List a folder: names, with a slash behind folders, and sizes in bytes.

        Args:
            path: The folder, from the top one; empty is the top one.
        """
        found = inside.entries(path)
        lines = [name if size is None else f"{name} ({size:,} bytes)" for name, size in found[:MAX_ENTRIES]]
        more = f"({len(found) - MAX_ENTRIES} more are not shown)" if len(found) > MAX_ENTRIES else ""
        return "\n".join([*lines, more]).strip() or "(empty)"

    @tool(name=f"{prefix}read_file", access="read")
    def read_file(path: str, start: int = 1, lines: int = 200) -> str:
        """Read lines of a text file.

        Args:
            path: The file, from the top folder.
            start: The first line, from 1.
            lines: How many.
        """
        if start < 1 or lines < 1:
            raise ToolError("lines are counted from 1, and at least one is read")
        return _range(inside, path, start, lines)

    @tool(name=f"{prefix}find_in_files", access="read", timeout_s=SECONDS + 5)
    def find_in_files(text: str, path: str = "", names: str = "*") -> str:
        """Find the lines that hold a text, whatever the case, as file:line: content.

        Args:
            text: Plain text, no pattern.
            path: The folder to look in, with all below it.
            names: Which files, such as "*.md".
        """
        if not text.strip() or len(text) > MAX_LINE or len(names) > 100:
            raise ToolError(f"a text of 1 to {MAX_LINE} characters and a short pattern of names are needed")
        hits, deadline = [], time.monotonic() + SECONDS
        for hit in _hits(inside, text.casefold(), path, names):
            hits += [hit] if hit else []
            if len(hits) >= MAX_HITS or time.monotonic() > deadline:
                return "\n".join([*hits, "(there may be more)"])
        return "\n".join(hits) or "(found nowhere)"

    return [list_files, read_file, find_in_files]


def _range(folder: Folder, path: str, start: int, lines: int) -> str:
    shown: list[str] = []
    length, number, is_over = 0, 0, False
    with folder.opened(path) as file:
        for number, line in enumerate(_lines(file.read(MAX_FILE + 1), path), 1):
            if number < start:
                continue
            text = line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]} [{len(line) - MAX_LINE} characters more]"
            length += len(text) + 1
            if len(shown) >= lines or (length > MAX_OUTPUT - 200 and shown):
                is_over = True
                break
            shown.append(text)
    if not shown:
        raise ToolError(f"{path!r} has {number} lines" if number else f"{path!r} is empty")
    last = start + len(shown) - 1
    rest = f"it goes on with line {last + 1}" if is_over else "the end of the file"
    return "\n".join([*shown, f"(lines {start} to {last}; {rest})"])


def _hits(folder: Folder, text: str, path: str, names: str) -> Iterator[str | None]:
    """The lines with a text; None between files, so that the clock is looked at."""
    for place, file in folder.files(path):
        yield None
        if not fnmatch(place.rpartition("/")[2], names):
            continue
        try:
            lines = _lines(file.read(MAX_FILE + 1), place)
        except ToolError:  # no text
            continue
        for number, line in enumerate(lines, 1):
            if text in line.casefold():
                yield f"{place}:{number}: {line.strip()[:MAX_LINE]}"


def _lines(content: bytes, path: str) -> list[str]:
    if b"\0" in content[:8192]:
        raise ToolError(f"{path[:200]!r} is no text file")
    if len(content) > MAX_FILE:
        raise ToolError(f"{path[:200]!r} has over {MAX_FILE:,} bytes, which is too much")
    return content.decode("utf-8", "replace").splitlines()
