"""A knowledge graph in one SQLite file: all of it is saved, or nothing."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from disputatio.errors import StoreError
from disputatio.memory.knowledge_graph import KnowledgeGraph, Relation

_OURS = 0x64704B47
"""SQLite's mark of whose file it is: "dpKG"."""
_VERSION = 1
_TABLES = """
CREATE TABLE state (revision TEXT NOT NULL);
CREATE TABLE entities (id INTEGER PRIMARY KEY, name TEXT NOT NULL, label TEXT NOT NULL, types TEXT NOT NULL);
CREATE TABLE aliases (name TEXT PRIMARY KEY, entity INTEGER NOT NULL REFERENCES entities);
CREATE TABLE relations (name TEXT PRIMARY KEY, forward TEXT NOT NULL, backward TEXT NOT NULL, functional INTEGER);
CREATE TABLE sources (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE facts (
    head INTEGER NOT NULL REFERENCES entities, relation TEXT NOT NULL, tail INTEGER NOT NULL REFERENCES entities,
    negated INTEGER NOT NULL, source INTEGER NOT NULL REFERENCES sources, confidence REAL NOT NULL
);
"""


def save_graph(graph: KnowledgeGraph, path: str | Path) -> None:
    """Save a graph. What is in the file must be what this graph was read from or last saved as.

    Raises:
        StoreError: If the file holds something else by now, which would be lost, or it cannot be written.
    """
    revision = uuid4().hex
    ids = {name: number for number, name in enumerate(graph.entities)}
    facts = list(graph.facts())
    sources = {text: number for number, text in enumerate({source: None for fact in facts for source in fact.sources})}
    nodes = graph.asserted.nodes(data=True)
    rows: dict[str, list[tuple[Any, ...]]] = {
        "state": [(revision,)],
        "entities": [(ids[name], name, node["label"], json.dumps(node["types"])) for name, node in nodes],
        "aliases": [(name, ids[entity]) for name, entity in graph.aliases.items()],
        "relations": [(name, one.forward, one.backward, one.functional) for name, one in graph.relations.items()],
        "sources": [(number, text) for text, number in sources.items()],
        "facts": [
            (ids[head], relation, ids[tail], fact.negated, sources[source], confidence)
            for fact in facts
            for head, relation, tail in [fact.triple]
            for source, confidence in fact.sources.items()
        ],
    }
    with _opened(path, "rwc") as file:
        file.execute("BEGIN IMMEDIATE")
        # An empty file is one that was just made.
        if file.execute("PRAGMA schema_version").fetchone()[0]:
            _check(file, path)
            if file.execute("SELECT revision FROM state").fetchone()[0] != graph.origin:
                raise StoreError(
                    f"{str(path)!r} was changed by another since this graph was read; read it again and merge the two"
                )
            for table in rows:
                file.execute(f"DELETE FROM {table}")
        else:
            for statement in _TABLES.split(";")[:-1]:
                file.execute(statement)
            file.execute(f"PRAGMA application_id = {_OURS}")
            file.execute(f"PRAGMA user_version = {_VERSION}")
        for table, given in rows.items():
            if given:
                file.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(given[0]))})", given)
        file.execute("COMMIT")
    graph.origin = revision


def load_graph(path: str | Path) -> KnowledgeGraph:
    """Read a graph that `save_graph` saved.

    Raises:
        StoreError: If there is none, the file is not ours, is damaged, or was written by a later version.
    """
    graph = KnowledgeGraph()
    with _opened(path, "ro") as file:
        file.execute("BEGIN")
        _check(file, path)
        graph.origin = file.execute("SELECT revision FROM state").fetchone()[0]
        names: dict[int, str] = {}
        for number, name, label, types in file.execute("SELECT id, name, label, types FROM entities ORDER BY id"):
            names[number] = graph.add_entity(name, label=label, types=json.loads(types))
        for name, forward, backward, functional in file.execute("SELECT * FROM relations"):
            graph.relations[name] = Relation(forward, backward, bool(functional))
        graph.aliases.update((name, names[entity]) for name, entity in file.execute("SELECT * FROM aliases"))
        sources = dict(file.execute("SELECT id, text FROM sources"))
        for head, relation, tail, negated, source, confidence in file.execute("SELECT * FROM facts ORDER BY rowid"):
            one = sources[source]
            graph.add(names[head], relation, names[tail], confidence=confidence, source=one, negated=bool(negated))
    return graph


@contextmanager
def _opened(path: str | Path, mode: str) -> Iterator[sqlite3.Connection]:
    try:
        address = f"{Path(path).absolute().as_uri()}?mode={mode}"
        with closing(sqlite3.connect(address, uri=True, isolation_level=None, timeout=30)) as file:
            yield file
    except (sqlite3.Error, KeyError, TypeError, ValueError) as error:
        if isinstance(error, StoreError):
            raise
        if mode == "ro" and not Path(path).exists():
            raise StoreError(f"there is no file {str(path)!r}") from error
        raise StoreError(f"the knowledge graph in {str(path)!r} cannot be used: {error}") from error


def _check(file: sqlite3.Connection, path: str | Path) -> None:
    ours, version = (file.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
    if ours != _OURS:
        raise StoreError(f"{str(path)!r} holds no knowledge graph")
    if version > _VERSION:
        raise StoreError(f"{str(path)!r} is of version {version}, which is later than {_VERSION}; update Disputatio")
