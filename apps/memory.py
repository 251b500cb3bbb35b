"""`disputatio memory`: look at what is remembered, correct it, forget it, hand it on."""

import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from disputatio.apps.memory_compare import COMPARES, compare
from disputatio.apps.output import complain, put, reported, show_parts

if TYPE_CHECKING:
    from disputatio.memory import Match, Memory, MemoryItem

T = TypeVar("T")

EXAMPLES = """\
[bold]Examples[/bold]

  disputatio memory search "joins that lose rows" --kind strategy

  disputatio memory edit 3f2a9c --text "Count the rows before and after each join."

  disputatio memory export --space team/sql > sql.jsonl

  disputatio memory import sql.jsonl --memory ./project.sqlite

Exit codes: 0 done, 1 the memory cannot be used, 2 wrong input, or there is no such item"""
app = typer.Typer(help="See, correct and forget what is remembered.", no_args_is_help=True, epilog=EXAMPLES)
app.command(epilog=COMPARES)(compare)

Where = Annotated[
    str | None,
    typer.Option(
        "--memory",
        metavar="PATH",
        help="The file, or postgresql://...; without it, the one in your data folder.",
        rich_help_panel="The memory",
    ),
]
Space = Annotated[
    str, typer.Option(metavar="NAME", help="Whose memory: a user, or USER/PROJECT.", rich_help_panel="The memory")
]
Embeddings = Annotated[
    str,
    typer.Option(
        metavar="MODEL",
        help="Embed by another model: wordllama, openai-compatible:URL#NAME, sentence-transformers:NAME, none.",
        rich_help_panel="The memory",
    ),
]
Kind = Annotated[str | None, typer.Option(metavar="KIND", help="Only items of this kind.")]
Format = Annotated[Literal["text", "json"], typer.Option("--format", "-f", help="How it is printed.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="The item.", show_default=False)]


@app.callback()
def memory() -> None:
    """See, correct and forget what is remembered from earlier runs."""


@app.command("list")
def list_(
    kind: Kind = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="Most items.")] = 50,
    format: Format = "text",
    memory: Where = None,
    space: Space = "default",
) -> None:
    """List items, the latest change first."""
    with reported():
        _show(_with(memory, space, lambda it: it.items(kind=kind, limit=limit)), format)


@app.command()
def search(
    query: Annotated[str, typer.Argument(metavar="TEXT", help="What is looked for.", show_default=False)],
    kind: Kind = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="Most items.")] = 10,
    format: Format = "text",
    memory: Where = None,
    space: Space = "default",
    embeddings: Embeddings = "default",
) -> None:
    """Search by meaning and by words."""

    async def find(it: "Memory") -> "list[Match]":
        found = await it.search(query, limit, kind=kind)
        if embeddings != "none" and getattr(getattr(it.store, "index", None), "embedder", True) is None:
            complain("searched by words only; for search by meaning: pip install 'disputatio[memory]'")
        return found

    with reported():
        _show([match.item for match in _with(memory, space, find, embeddings)], format)


@app.command()
def show(item: Id, format: Format = "text", memory: Where = None, space: Space = "default") -> None:
    """Show one item with where it comes from."""
    with reported():
        found = _with(memory, space, lambda it: it.get(item))
        if format == "json":
            put(found.model_dump_json(indent=2) + "\n")
            return
        from disputatio.memory import provenance
        from disputatio.writing import plain

        data = "".join(f"{name}: {value}\n" for name, value in found.data.items())
        put(plain(f"{provenance(found)}\nused {found.uses} times, helped {found.helped} times\n{data}\n{found.text}\n"))


@app.command()
def edit(
    item: Id,
    text: Annotated[str | None, typer.Option(metavar="TEXT", help="Its new text; - is what is piped in.")] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="Its new kind.")] = None,
    memory: Where = None,
    space: Space = "default",
) -> None:
    """Change the text or the kind of an item; `undo` takes it back."""
    with reported():
        from disputatio.errors import ConfigurationError

        new = sys.stdin.read().strip() if text == "-" else text
        changes = {name: value for name, value in (("text", new), ("kind", kind)) if value is not None}
        if not changes:
            raise ConfigurationError("nothing to change; give --text or --kind")
        _with(memory, space, lambda it: it.edit(item, **changes))
        complain(f"changed {item}")


@app.command()
def forget(
    items: Annotated[list[str] | None, typer.Argument(metavar="ID...", help="The items.", show_default=False)] = None,
    run: Annotated[str | None, typer.Option(metavar="ID", help="All that a run wrote.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", metavar="", help="Do not ask.")] = False,
    memory: Where = None,
    space: Space = "default",
) -> None:
    """Delete items for good, also from the indexes; this cannot be undone."""
    with reported():
        from disputatio.errors import ConfigurationError

        if bool(items) == bool(run):
            raise ConfigurationError("name the items to forget, or a run by --run")
        what = f"all that run {run} wrote" if run else ", ".join(items or ())
        if not yes and not sys.stdin.isatty():
            raise ConfigurationError("forgetting cannot be undone; confirm it by --yes")
        if not yes and not typer.confirm(f"Forget {what} for good?"):
            return

        async def delete(it: "Memory") -> Sequence[str]:
            if run:
                return await it.forget_run(run)
            await it.forget(*(items or ()))
            return items or ()

        complain(f"forgot {len(_with(memory, space, delete))} items")


@app.command()
def undo(memory: Where = None, space: Space = "default") -> None:
    """Take back the last edit."""
    with reported():
        found = _with(memory, space, lambda it: it.undo())
        complain(f"took back the edit of {found.id}" if found else "there is no edit to take back")


@app.command()
def export(memory: Where = None, space: Space = "default") -> None:
    """Print all items, one line of JSON each."""
    with reported():
        from disputatio.memory.transfer import export

        for line in _with(memory, space, export):
            put(line)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An exported memory.", show_default=False)],
    memory: Where = None,
    space: Space = "default",
) -> None:
    """Add the items of an exported memory, all or none; those that are there already stay as they are."""
    with reported():
        from disputatio.memory.transfer import import_file

        added, known = _with(memory, space, lambda it: import_file(it, file), new=True)
        complain(f"added {added} items; {known} were there already")


def _with(
    where: str | None,
    space: str,
    work: "Callable[[Memory], Coroutine[Any, Any, T]]",
    embeddings: str = "default",
    *,
    new: bool = False,
) -> T:
    """Do something with a memory, which is made if it may be a new one."""
    import asyncio

    from disputatio.errors import StoreError
    from disputatio.memory import Memory, open_store

    if where and not new and "://" not in where and not Path(where).exists():
        raise StoreError(f"there is no memory {where!r}")

    async def finish() -> T:
        async with open_store(where, embedder=embeddings) as store:
            return await work(Memory(store, space))

    return asyncio.run(finish())


def _show(items: "Sequence[MemoryItem]", format: str) -> None:
    if format == "json":
        put("".join(item.model_dump_json() + "\n" for item in items))
        return
    from rich.table import Table

    from disputatio.writing import excerpt

    if not items:
        complain("nothing is remembered")
        return
    table = Table(box=None, pad_edge=False, expand=True)
    for name in ("id", "kind", "text", "used", "helped", "author", "run"):
        table.add_column(name, ratio=1 if name == "text" else None, no_wrap=True, overflow="ellipsis")
    for item in items:
        text = str(item.data.get("title") or item.text)
        cells = (item.id, item.kind, text, str(item.uses), str(item.helped), item.author, item.run_id[:8])
        table.add_row(*(excerpt(cell, 300) for cell in cells))
    show_parts(table)
