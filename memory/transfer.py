"""Export and import: a memory as lines of JSON, one item a line, to be read, kept or handed on."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from disputatio.errors import ConfigurationError, StoreError
from disputatio.memory.memory import Memory, MemoryItem, item_of
from disputatio.memory.workspace import content_hash
from disputatio.strict_json import parse_object


async def export(memory: Memory) -> Iterator[str]:
    """The lines of all items of a memory, the oldest first.

    Raises:
        StoreError: If the memory cannot be read.
    """
    items = sorted(await memory.items(), key=lambda item: (item.created, item.id))
    return (item.model_dump_json(exclude_defaults=True, exclude={"previous", "edited"}) + "\n" for item in items)


async def import_file(memory: Memory, path: Path) -> tuple[int, int]:
    """Add the items of an exported file: all, or none if a line is wrong. Those with a known id stay as they are.

    What others wrote is not vouched for: the items are marked as coming from the file.

    Returns:
        How many were added, and how many there were already.

    Raises:
        StoreError: If the file cannot be read, or a line of it is no item; the message says which.
    """
    source = f"import:{path.name}"
    try:
        with path.open("rb") as file:
            items = [
                one.model_copy(update={"untrusted": tuple(sorted({*one.untrusted, source}))})
                for one in _read(file, str(path))
            ]
    except OSError as error:
        raise StoreError(f"cannot read {str(path)!r}: {error.strerror}") from error
    known = {item.id for item in await memory.items()}
    fresh = {item.id: item for item in items if item.id not in known}
    if fresh:
        await memory.put(*fresh.values())
    return len(fresh), len(items) - len(fresh)


def _read(lines: Iterable[bytes], name: str) -> Iterator[MemoryItem]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            value = parse_object(line.decode())
            id_ = value.pop("id", None) or content_hash(str(value.get("text")))  # the same again in a second import
            yield item_of(str(id_), value)
        except UnicodeDecodeError as error:
            raise StoreError(f"nothing was imported: line {number} of {name!r} is not UTF-8") from error
        except (ValueError, ConfigurationError) as error:
            raise StoreError(f"nothing was imported: line {number} of {name!r} is no memory item: {error}") from error
