"""Opening a store: one SQLite file by default, or PostgreSQL for a team (extra `postgres`)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from langgraph.store.base import BaseStore
from platformdirs import user_data_dir

from disputatio.errors import StoreError, require
from disputatio.memory.embedding import Embedder, default_embedder, load_embedder
from disputatio.memory.memory import INDEXED
from disputatio.memory.sqlite_store import DEFAULT, SqliteStore

SCHEMES = ("postgresql://", "postgres://")
EMBEDDED_BY = ("disputatio",)
"""Where a Postgres store notes its embedding model."""


def default_path() -> Path:
    """The file of the user's memory, in the user's data folder."""
    return Path(user_data_dir("disputatio")) / "memory.sqlite"


@asynccontextmanager
async def open_store(
    where: Path | str | None = None, *, embedder: Embedder | str | None = DEFAULT
) -> AsyncIterator[BaseStore]:
    """Open the store at a path or an address, and close it at the end.

    Args:
        where: A file, or "postgresql://..." for LangGraph's `AsyncPostgresStore` with pgvector, whose tables are made
            if need be; None is the file of `default_path`.
        embedder: The embedding model, or its string; see `SqliteStore`. All that use one Postgres store must use the
            same.

    Raises:
        StoreError: If it cannot be opened.
        MissingExtraError: If a package is not installed.
        ConfigurationError: If the embedding model is unknown.
    """
    address = str(where or "")
    if address.startswith(SCHEMES):
        async with _postgres(address, embedder) as shared:
            yield shared
        return
    with await asyncio.to_thread(SqliteStore, where or default_path(), embedder=embedder) as store:
        yield store


@asynccontextmanager
async def _postgres(address: str, embedder: Embedder | str | None) -> AsyncIterator[BaseStore]:
    psycopg = require("psycopg", extra="postgres")
    store_of = require("langgraph.store.postgres", extra="postgres").AsyncPostgresStore
    chosen = default_embedder() if embedder == DEFAULT else embedder
    model = load_embedder(chosen) if isinstance(chosen, str) else chosen
    index = await asyncio.to_thread(_index, model) if model else None
    parts = urlsplit(address)
    shown = f"{parts.hostname or 'localhost'}{parts.path}"  # never the password
    try:
        async with store_of.from_conn_string(address, index=index) as store:
            await store.setup()
            if model:
                await _adopt(store, model.name, shown)
            yield store
    except psycopg.Error as error:
        raise StoreError(f"cannot use the store at {shown}: {str(error).splitlines()[0]}") from error


def _index(model: Embedder) -> dict[str, Any]:
    async def embed(texts: list[str]) -> list[list[float]]:
        vectors = await asyncio.to_thread(model.embed, texts)
        return [[float(number) for number in vector] for vector in vectors]

    return {"dims": len(model.embed(["dimensions"])[0]), "embed": embed, "fields": INDEXED}


async def _adopt(store: BaseStore, name: str, shown: str) -> None:
    """Note which model embeds a store, or refuse another one."""
    known = await store.aget(EMBEDDED_BY, "embedder")
    if known is None:
        await store.aput(EMBEDDED_BY, "embedder", {"name": name}, index=False)
    elif known.value["name"] != name:
        raise StoreError(f"the store at {shown} is embedded by {known.value['name']}, not {name}; open it with that")
