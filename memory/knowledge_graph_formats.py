"""Knowledge graphs out of TSV, CSV, JSON-LD and GraphML. What cannot be read is named by its line; none is dropped.

Facts come with their file and line as their source, where the file itself names none.
"""

import csv
import gzip
import json
import re
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree.ElementTree import ParseError

import networkx as nx

from disputatio.errors import ConfigurationError, StoreError, require
from disputatio.memory.knowledge_graph import KnowledgeGraph
from disputatio.memory.knowledge_graph_file import load_graph


class Broken(NamedTuple):
    """What of a file could not be read."""

    line: int
    """The line that it begins in, from 1; 0 where that is not known."""
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}" if self.line else self.reason


Report = Callable[[Broken], None]
_COLUMNS = {
    **dict.fromkeys(("head", "subject", "source", "from", "h", "s"), "head"),
    **dict.fromkeys(("relation", "predicate", "rel", "r", "p"), "relation"),
    **dict.fromkeys(("tail", "object", "target", "to", "t", "o"), "tail"),
    "confidence": "confidence",
    "provenance": "source",
    "negated": "negated",
}
_TRIPLE = ("head", "relation", "tail")
_LABEL = ("http://www.w3.org/2000/01/rdf-schema#label", "http://schema.org/name", "https://schema.org/name")
_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"


def read_graph(path: str | Path, *, on_broken: Report | None = None) -> KnowledgeGraph:
    """Read a graph. Its format goes by the end of the file's name.

    Args:
        path: A table (.tsv, .txt, .csv; also with .gz) of head, relation and tail, with a header or without, which may
            also name confidence, provenance and negated; JSON-LD (.jsonld, .json); GraphML (.graphml, .xml); any other
            is a file that `save_graph` wrote.
        on_broken: Told of all that cannot be read; the rest is read. None reads all or nothing.

    Raises:
        StoreError: If the file cannot be read, or something in it cannot and nobody is told.
        MissingExtraError: If JSON-LD is to be read and rdflib is not installed.
    """
    path = Path(path)
    broken: list[Broken] = []
    try:
        graph = _read(path, on_broken or broken.append)
    except (OSError, EOFError) as error:
        raise StoreError(f"{str(path)!r} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if broken:
        more = f" and {len(broken) - 3} more" if len(broken) > 3 else ""
        raise StoreError(f"{str(path)!r} holds what is no fact: {'; '.join(map(str, broken[:3]))}{more}")
    return graph


def open_graph(graph: KnowledgeGraph | str | Path | None) -> KnowledgeGraph:
    """The graph that a parameter means: itself, one read from a file, or none, which is an empty one.

    Raises:
        StoreError: If the file cannot be read, or holds no fact.
    """
    if graph is None:
        return KnowledgeGraph()
    if isinstance(graph, KnowledgeGraph):
        return graph
    try:
        found = Path(graph).stat()
    except OSError as error:
        raise StoreError(f"{str(graph)!r} cannot be read: {error.strerror}") from error
    return _opened(Path(graph).absolute(), found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=2)  # a strategy opens its graph each time it is drawn, checked and run
def _opened(path: Path, changed: int, size: int) -> KnowledgeGraph:
    if path.is_dir():
        raise StoreError(f"{str(path)!r} is a folder, where the file of a graph is needed")
    graph = read_graph(path)
    if not graph.entities:
        raise StoreError(f"{str(path)!r} holds no fact")
    return graph


def _read(path: Path, report: Report) -> KnowledgeGraph:
    kind = next((end for end in reversed(path.suffixes) if end != ".gz"), "").lower()
    if kind in (".tsv", ".txt", ".csv"):
        return _table(path, report, comma=kind == ".csv")
    if kind in (".jsonld", ".json"):
        return _json_ld(path, report)
    if kind in (".graphml", ".xml"):
        return _graphml(path, report)
    return load_graph(path)


def _table(path: Path, report: Report, *, comma: bool) -> KnowledgeGraph:
    graph, columns = KnowledgeGraph(), dict(zip(_TRIPLE, range(3), strict=True))
    width = 0  # of the first row
    for line, fields in _rows(path, report, comma):
        titles = [_COLUMNS.get(one.strip().casefold()) for one in fields]
        if not width and set(_TRIPLE) <= set(titles):
            width, columns = len(fields), {title: at for at, title in enumerate(titles) if title}
            continue
        width = width or 3
        if len(fields) != width:
            report(Broken(line, f"{len(fields)} fields where {width} are needed"))
            continue
        _add(graph, {name: fields[at] for name, at in columns.items()}, f"{path.name}:{line}", line, report)
    return graph


def _rows(path: Path, report: Report, comma: bool) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table with the line that each begins in."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        texts = _lines(file, report)
        if not comma:
            yield from ((line, text.split("\t")) for line, text in texts if text.strip())
            return
        pending: deque[tuple[int, str]] = deque()
        used: list[tuple[int, str]] = []

        def taken() -> Iterator[str]:
            while (one := pending.popleft() if pending else next(texts, None)) is not None:
                used.append(one)
                yield one[1] + "\n"

        while True:
            used.clear()
            try:
                fields = next(csv.reader(taken(), strict=True))
            except StopIteration:
                return
            except csv.Error as error:
                report(Broken(used[0][0], str(error)))
                # A quote that is never closed takes all lines behind it, which are read again without it.
                pending.extendleft(reversed(used[1:]))
                continue
            if fields:
                yield used[0][0], fields


def _lines(file: Any, report: Report) -> Iterator[tuple[int, str]]:
    for line, raw in enumerate(file, 1):
        try:
            text = raw.decode("utf-8-sig" if line == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            report(Broken(line, "it is not UTF-8"))
            continue
        yield line, text


def _add(graph: KnowledgeGraph, given: Mapping[str, Any], source: str, line: int, report: Report) -> None:
    """Add one fact from its columns or attributes."""
    try:
        confidence = 1.0 if given.get("confidence") in (None, "") else float(given["confidence"])
        negated = str(given.get("negated") or "").casefold() in ("1", "true", "yes")
        head, relation, tail = (str(given.get(one) or "") for one in _TRIPLE)
        source = str(given.get("source") or "") or source
        graph.add(head, relation, tail, confidence=confidence, source=source, negated=negated)
    except ConfigurationError as error:
        report(Broken(line, str(error)))
    except ValueError:
        report(Broken(line, f"the confidence is no number: {str(given['confidence'])[:40]!r}"))


def _json_ld(path: Path, report: Report) -> KnowledgeGraph:
    rdflib = require("rdflib", extra="knowledge")
    graph = KnowledgeGraph()
    blank: dict[Any, str] = {}
    triples = sorted(_parsed(rdflib, path, report), key=lambda triple: tuple(map(str, triple)))
    for one in chain.from_iterable(triples):
        if isinstance(one, rdflib.BNode):
            blank.setdefault(one, f"_:{len(blank) + 1}")
    for head, relation, tail in triples:
        names = [blank.get(one, str(one)) for one in (head, relation, tail)]
        if names[1] == _TYPE:
            graph.add_entity(names[0], types=[_local(names[2])])
        elif names[1] in _LABEL and isinstance(tail, rdflib.Literal):
            graph.add_entity(names[0], label=names[2])
        else:
            _add(graph, dict(zip(_TRIPLE, names, strict=True)), path.name, 0, report)
            graph.describe(names[1], forward=f"{{head}} {_local(names[1])} {{tail}}")
    for name in graph.entities:
        if not graph.asserted.nodes[name]["label"]:
            graph.add_entity(name, label=_local(name))
    return graph


def _parsed(rdflib: Any, path: Path, report: Report) -> Any:
    """The RDF of a document that needs nothing from the network."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise StoreError(f"{str(path)!r} is no JSON: line {error.lineno}: {error.msg}") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise StoreError(f"{str(path)!r} is no JSON: {error}") from error
    for context in _contexts(document):
        if isinstance(context, str):
            raise StoreError(f"{str(path)!r} needs the context {context!r} from the network; put it into the file")
    _unmapped(document, text, report)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # rdflib's reader uses what rdflib has deprecated
            read = rdflib.Dataset(default_union=True).parse(data=text, format="json-ld")
            return set(read.triples((None, None, None)))
    except Exception as error:  # rdflib raises whatever its parser runs into
        raise StoreError(f"{str(path)!r} is no JSON-LD: {error}") from error


def _local(iri: str) -> str:
    """The last part of an IRI; any other text as it is."""
    return (re.split(r"[#/]", iri.rstrip("#/"))[-1] or iri) if "://" in iri else iri


def _contexts(node: Any) -> Iterator[Any]:
    """All contexts of a document, each one a mapping or an address."""
    if isinstance(node, list):
        yield from chain.from_iterable(map(_contexts, node))
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in ("@context", "@import"):
                yield from value if isinstance(value, list) else [value]
            yield from _contexts(value)


def _keys(node: Any) -> Iterator[str]:
    """The keys of a document outside its contexts and values."""
    if isinstance(node, list):
        yield from chain.from_iterable(map(_keys, node))
    elif isinstance(node, dict) and "@value" not in node:
        for key, value in node.items():
            if key != "@context":
                yield key
                yield from _keys(value)


def _unmapped(document: Any, text: str, report: Report) -> None:
    """Report the keys that mean nothing by the contexts: JSON-LD passes them over."""
    contexts = [context for context in _contexts(document) if isinstance(context, dict)]
    terms = {term for context in contexts for term in context}
    if "@vocab" in terms:
        return
    for key in dict.fromkeys(_keys(document)):
        if not (key.startswith("@") or ":" in key or key in terms):
            found = text.find(json.dumps(key))
            line = text[:found].count("\n") + 1 if found >= 0 else 0
            report(Broken(line, f"the key {key[:40]!r} is in no context"))


def _graphml(path: Path, report: Report) -> KnowledgeGraph:
    graph = KnowledgeGraph()
    try:
        read: Any = nx.read_graphml(path, force_multigraph=True)
    except ParseError as error:
        raise StoreError(f"{str(path)!r} is no XML: line {error.position[0]}: {error}") from error
    except (nx.NetworkXError, KeyError, ValueError, StopIteration) as error:
        raise StoreError(f"{str(path)!r} is no GraphML: {error}") from error
    for name, data in read.nodes(data=True):
        types = [str(data[key]) for key in ("type", "types") if data.get(key)]
        try:
            graph.add_entity(str(name), label=str(data.get("label") or data.get("name") or ""), types=types)
        except ConfigurationError as error:
            report(Broken(0, f"node {str(name)[:40]!r}: {error}"))
    for head, tail, key, data in read.edges(keys=True, data=True):
        # Where the file gives an edge no id, networkx counts.
        named = (data.get(one) for one in ("relation", "label", "type", "name"))
        relation = next((str(one) for one in named if one), key if isinstance(key, str) else "")
        if relation:
            given = {**data, "head": head, "relation": relation, "tail": tail}
            _add(graph, given, f"{path.name}: {head} to {tail}", 0, report)
        else:
            report(Broken(0, f"the edge from {head!r} to {tail!r} has no relation, label, type or name"))
    return graph
