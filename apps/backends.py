"""The backends as a table: what each is, what it needs, which servers run here, and where prices come from."""

import asyncio
import json
from typing import Any, Literal

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from disputatio.apps.output import put, show_parts
from disputatio.models import prices
from disputatio.models.backends import Backend, backends
from disputatio.models.servers import Found, look, usual
from disputatio.models.weights import FILE, cache_folder
from disputatio.writing import plain

MOST = 12
"""Models of one server that are listed."""


def show(format: Literal["text", "json"]) -> None:
    """Print the backends, the servers and the price table.

    Raises:
        ConfigurationError: If the price table is wrong.
        StoreError: If it cannot be read.
    """
    known, priced = backends(), prices.table()
    found = asyncio.run(look(usual()))
    if format == "json":
        put(json.dumps(_report(known, found, len(priced)), indent=2) + "\n")
        return
    show_parts(
        Text("Backends", style="bold"),
        Padding(_backends(known), (0, 0, 1, 2)),
        *_missing(known),
        Text("Servers on this machine", style="bold"),
        Padding(_servers(found), (0, 0, 1, 2)),
        Text("Prices", style="bold"),
        Padding(_prices(len(priced)), (0, 0, 1, 2)),
        Text("What a model can do: disputatio models test MODEL", style="dim"),
    )


def _report(known: tuple[Backend, ...], found: list[Found], priced: int) -> dict[str, Any]:
    return {
        "backends": [
            {
                "provider": one.provider,
                "spec": one.spec,
                "what": one.what,
                "installed": one.installed,
                "install": None if one.installed else one.command,
                "key": one.key,
                "key_set": one.has_key,
                "needs_key": one.needs_key,
            }
            for one in known
        ],
        "servers": [
            {
                "kind": one.place.kind,
                "url": one.place.url,
                "models": list(one.specs),
                "problem": one.problem or None,
            }
            for one in found
        ],
        "prices": {"file": str(prices.table_path()), "entries": priced},
    }


def _backends(known: tuple[Backend, ...]) -> Table:
    rows = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    rows.add_column(style="cyan", no_wrap=True)
    rows.add_column(overflow="fold")
    rows.add_column(overflow="fold")
    for one in known:
        rows.add_row(one.spec, one.what, _state(one))
    return rows


def _state(backend: Backend) -> Text:
    if not backend.installed:
        return Text("not installed", style="yellow")
    if backend.needs_key and not backend.has_key:
        return Text(f"set {backend.key}", style="yellow")
    if backend.provider == "local" and not (cache_folder() / FILE).exists():
        return Text("ready; fetched once, 98 MB", style="green")
    ready = "ready when it runs" if backend.is_server else "ready"
    return Text(f"{ready}; {backend.key} is set" if backend.has_key else ready, style="green")


def _missing(known: tuple[Backend, ...]) -> list[Text]:
    """The commands that install what is not there, each on a line of its own, to be copied."""
    lines = [f"  {one.provider}: {one.command or f'pip install {one.package}'}" for one in known if not one.installed]
    return [Text("\n".join([*lines, ""]), style="yellow")] if lines else []


def _servers(found: list[Found]) -> Table:
    rows = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    rows.add_column(no_wrap=True)
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column(overflow="fold")
    for one in found:
        address = one.place.url.partition("://")[2].removesuffix("/v1")
        listed = Text("\n").join(Text(plain(spec), style="cyan") for spec in one.specs[:MOST])
        if more := len(one.specs) - MOST:
            listed = listed if more < 0 else Text.assemble(listed, (f"\nand {more} more", "dim"))
        rows.add_row(one.place.kind, address, listed if one.models else Text(plain(one.problem), style="dim"))
    return rows


def _prices(entries: int) -> Text:
    path = prices.table_path()
    if entries or path.exists():
        return Text(f"{entries} {'entry' if entries == 1 else 'entries'} in {path}")
    return Text(f"none: there is no {path}")
