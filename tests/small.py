"""Strategies in small forms, for tests that run each of them many times."""

from disputatio.agents import Planner, Solver, Verifier
from disputatio.graphs import (
    CATALOGUE,
    best_of,
    chain_of_thought,
    debate,
    explore_execute,
    inftythink,
    react,
    rewoo,
    self_consistency,
    sequence,
    tree_plv_search,
    tree_search,
)
from disputatio.graphs.decisions import RULES
from disputatio.graphs.search import beam, depth_first, monte_carlo
from disputatio.graphs.valuation import compared, scored, voted
from disputatio.strategies import Strategy
from disputatio.tools import calculator

SMALL: dict[str, Strategy[...]] = {
    "chain_of_thought": CATALOGUE["chain_of_thought"],
    "disputation": CATALOGUE["disputation"],
    "disputation of one": CATALOGUE["disputation"](1, rounds=1, claims=0),
    "disputation with tools": CATALOGUE["disputation"](2, verifier=Verifier(tools=[calculator])),
    "three samples": self_consistency(samples=3),
    **{f"debate by {rule}": debate(decision=rule) for rule in RULES},
    "debate until agreed": debate(rounds=4, until_agreed=True),
    "debate in a ring": debate(4, topology="ring", rounds=3),
    "debate of one": debate(1),
    "sequence": sequence(Planner(), debate),
    "sequence that ends in an agent": sequence(chain_of_thought, Solver()),
    "best_of": best_of(debate(2), n=2),
    "best_of with tools": best_of(chain_of_thought, n=2, by=Verifier(tools=[calculator])),
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
    "nested twice": sequence(Planner(), best_of(sequence(Solver(), self_consistency(samples=2)), n=2)),
}
