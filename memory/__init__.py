"""What agents share: the transcript of one run and the views that agents have of it, and knowledge graphs."""

from disputatio.memory.knowledge_graph import Contradiction, Fact, KnowledgeGraph, Relation, Step, Triple
from disputatio.memory.knowledge_graph_file import load_graph, save_graph
from disputatio.memory.knowledge_graph_formats import Broken, read_graph
from disputatio.memory.paths import Path, Paths
from disputatio.memory.rule_reading import read_rule, read_rules
from disputatio.memory.rules import Metrics, Rule, Rules, Score, forward_chain, sample_bodies
from disputatio.memory.transcript import View, by, everything, of_kind, render, without

__all__ = [
    "Broken",
    "Contradiction",
    "Fact",
    "KnowledgeGraph",
    "Metrics",
    "Path",
    "Paths",
    "Relation",
    "Rule",
    "Rules",
    "Score",
    "Step",
    "Triple",
    "View",
    "by",
    "everything",
    "forward_chain",
    "load_graph",
    "of_kind",
    "read_graph",
    "read_rule",
    "read_rules",
    "render",
    "sample_bodies",
    "save_graph",
    "without",
]
