"""Ways of reasoning as LangGraph graphs: the patterns, the published strategies, and the catalogue of them by name."""

from collections.abc import Mapping

from disputatio.graphs.act_observe import act_observe
from disputatio.graphs.compose import limited, nested, sequence
from disputatio.graphs.escalate import escalate
from disputatio.graphs.evidence_loop import Found, Search, evidence_loop
from disputatio.graphs.plan_execute import plan_execute
from disputatio.graphs.refine import refine
from disputatio.graphs.segment_loop import segment_loop
from disputatio.graphs.strategies.aidsafe_deliberation import aidsafe_deliberation
from disputatio.graphs.strategies.best_of import best_of
from disputatio.graphs.strategies.chain_of_thought import chain_of_thought
from disputatio.graphs.strategies.chatrule import chatrule
from disputatio.graphs.strategies.comorag import comorag
from disputatio.graphs.strategies.constraint_first import constraint_first
from disputatio.graphs.strategies.corex_debate import corex_debate
from disputatio.graphs.strategies.corex_review import corex_review
from disputatio.graphs.strategies.critique_in_the_loop import critique_in_the_loop
from disputatio.graphs.strategies.debate import debate
from disputatio.graphs.strategies.disputation import disputation
from disputatio.graphs.strategies.early_stopping import adaptive_consistency, early_stopping_self_consistency
from disputatio.graphs.strategies.explore_execute import explore_execute
from disputatio.graphs.strategies.heart import heart
from disputatio.graphs.strategies.inftythink import inftythink
from disputatio.graphs.strategies.joint_thinking import joint_thinking
from disputatio.graphs.strategies.k_paths import k_paths
from disputatio.graphs.strategies.matts import matts
from disputatio.graphs.strategies.medprompt import medprompt
from disputatio.graphs.strategies.mixture_of_thought import mixture_of_thought
from disputatio.graphs.strategies.pairwise_judge import pairwise_judge
from disputatio.graphs.strategies.react import react
from disputatio.graphs.strategies.reasoning_bank import reasoning_bank
from disputatio.graphs.strategies.reex_sql import reex_sql
from disputatio.graphs.strategies.rewoo import rewoo
from disputatio.graphs.strategies.sayself import sayself
from disputatio.graphs.strategies.self_consistency import self_consistency
from disputatio.graphs.strategies.smart_meta_strategy import smart_meta_strategy
from disputatio.graphs.strategies.tool_integrated_reasoning import tool_integrated_reasoning
from disputatio.graphs.strategies.tree_plv_search import tree_plv_search
from disputatio.graphs.strategies.universal_self_consistency import universal_self_consistency
from disputatio.graphs.tree_search import tree_search
from disputatio.graphs.verified import verified
from disputatio.graphs.vote import vote
from disputatio.strategies import Strategy

__all__ = [
    "CATALOGUE",
    "Found",
    "Search",
    "act_observe",
    "adaptive_consistency",
    "aidsafe_deliberation",
    "best_of",
    "chain_of_thought",
    "chatrule",
    "comorag",
    "constraint_first",
    "corex_debate",
    "corex_review",
    "critique_in_the_loop",
    "debate",
    "disputation",
    "early_stopping_self_consistency",
    "escalate",
    "evidence_loop",
    "explore_execute",
    "heart",
    "inftythink",
    "joint_thinking",
    "k_paths",
    "limited",
    "matts",
    "medprompt",
    "mixture_of_thought",
    "nested",
    "pairwise_judge",
    "plan_execute",
    "react",
    "reasoning_bank",
    "reex_sql",
    "refine",
    "rewoo",
    "sayself",
    "segment_loop",
    "self_consistency",
    "sequence",
    "smart_meta_strategy",
    "tool_integrated_reasoning",
    "tree_plv_search",
    "tree_search",
    "universal_self_consistency",
    "verified",
    "vote",
]

CATALOGUE: Mapping[str, Strategy[...]] = {
    name: made
    for name, made in ((name, globals()[name]) for name in __all__ if name != "CATALOGUE")
    if isinstance(made, Strategy) and all(one.default is not one.empty for one in made.signature.parameters.values())
}
"""The strategies that need no parts, by name: those that `solve` and the command line find."""
