"""What agents share: the transcript of a run and its workspace, knowledge graphs, and a memory that outlives runs."""

from disputatio.memory.embedding import Embedder, default_embedder, load_embedder
from disputatio.memory.experience import Experience, Lesson, lessons, nearest_tasks, own_strings
from disputatio.memory.kinds import Case, Episode, Mistake, Remembered, as_item, find, in_full, kind_of, read_as
from disputatio.memory.knowledge_graph import Contradiction, Fact, KnowledgeGraph, Relation, Step, Triple
from disputatio.memory.knowledge_graph_file import load_graph, save_graph
from disputatio.memory.knowledge_graph_formats import Broken, read_graph
from disputatio.memory.memory import Match, Memory, MemoryItem
from disputatio.memory.opening import default_path, open_store
from disputatio.memory.paths import Path, Paths
from disputatio.memory.recalling import provenance, recalled
from disputatio.memory.rule_reading import read_rule, read_rules
from disputatio.memory.rules import Metrics, Rule, Rules, Score, forward_chain, sample_bodies
from disputatio.memory.sqlite_store import SqliteStore
from disputatio.memory.transcript import View, by, everything, of_kind, render, without
from disputatio.memory.workspace import Evidence, contents, distinct, evidence, retracted, retraction, seen_by

__all__ = [
    "Broken",
    "Case",
    "Contradiction",
    "Embedder",
    "Episode",
    "Evidence",
    "Experience",
    "Fact",
    "KnowledgeGraph",
    "Lesson",
    "Match",
    "Memory",
    "MemoryItem",
    "Metrics",
    "Mistake",
    "Path",
    "Paths",
    "Relation",
    "Remembered",
    "Rule",
    "Rules",
    "Score",
    "SqliteStore",
    "Step",
    "Triple",
    "View",
    "as_item",
    "by",
    "contents",
    "default_embedder",
    "default_path",
    "distinct",
    "everything",
    "evidence",
    "find",
    "forward_chain",
    "in_full",
    "kind_of",
    "lessons",
    "load_embedder",
    "load_graph",
    "nearest_tasks",
    "of_kind",
    "open_store",
    "own_strings",
    "provenance",
    "read_as",
    "read_graph",
    "read_rule",
    "read_rules",
    "recalled",
    "render",
    "retracted",
    "retraction",
    "sample_bodies",
    "save_graph",
    "seen_by",
    "without",
]
