"""What agents share: the transcript of one run and its workspace, and a memory that outlives runs."""

from disputatio.memory.embedding import Embedder, default_embedder, load_embedder
from disputatio.memory.memory import Match, Memory, MemoryItem
from disputatio.memory.opening import default_path, open_store
from disputatio.memory.recalling import provenance, recalled
from disputatio.memory.sqlite_store import SqliteStore
from disputatio.memory.transcript import View, by, everything, of_kind, render, without
from disputatio.memory.workspace import Evidence, contents, distinct, evidence, retracted, retraction, seen_by

__all__ = [
    "Embedder",
    "Evidence",
    "Match",
    "Memory",
    "MemoryItem",
    "SqliteStore",
    "View",
    "by",
    "contents",
    "default_embedder",
    "default_path",
    "distinct",
    "everything",
    "evidence",
    "load_embedder",
    "of_kind",
    "open_store",
    "provenance",
    "recalled",
    "render",
    "retracted",
    "retraction",
    "seen_by",
    "without",
]
