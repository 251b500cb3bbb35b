"""Searches, loops and plans with small parameters, and what a model says in their forms: for the conformance tests."""

from disputatio.graphs import (
    explore_execute,
    inftythink,
    react,
    rewoo,
    tool_integrated_reasoning,
    tree_plv_search,
    tree_search,
)
from disputatio.graphs.search import beam, depth_first, monte_carlo
from disputatio.graphs.valuation import compared, scored, voted
from disputatio.strategies import Strategy

SEARCHES: dict[str, Strategy[...]] = {
    "tree_plv_search": tree_plv_search(expansions=2, children=2, rollouts=2),
    "tree by votes": tree_search(voted(2), beam(2), expansions=3, children=2),
    "tree by comparisons": tree_search(compared(), depth_first(), expansions=2, children=2),
    "tree by scores": tree_search(scored(), monte_carlo(), expansions=2, children=2),
    "inftythink": inftythink(segments=3),
    "explore_execute": explore_execute(plans=3),
    "explore_execute by clusters": explore_execute(plans=3, select="clusters"),
    "explore_execute at random": explore_execute(plans=2, select="random"),
    "rewoo": rewoo(steps=3, repairs=1),
    "react": react(steps=3),
    "tool_integrated_reasoning": tool_integrated_reasoning(turns=3),
}
SAID = {
    "Status": "success",
    "Probes": "1. What is two?",
    "Wrong": "none",
    "Rules": "1. double(X, Y) <- half(X, Y)",
    "Action": "none",
    "Variables": "1. n: int",
    "Objective": "n",
    "Add": "n == 4",
    "Definitions": "none",
    "Options": "none",
    "Ambiguities": "none",
    "Premises": "none",
    "Conclusion": "none",
    "Rows": "none",
    "Assignments": "#E1 = calculator[2 + 2]",
    "Best": "1",
    "Better": "2",
    "Choice": "2",
    "Plan": "1. Count on.",
    "Progress": "1. It is even.",
    "Reflection": "I am not sure.",
}
