"""Patterns and strategies with small parameters, each with at least two calls: what the conformance tests run."""

from disputatio.agents import Solver
from disputatio.budget import Budget
from disputatio.graphs import (
    CATALOGUE,
    Found,
    chain_of_thought,
    chatrule,
    debate,
    escalate,
    evidence_loop,
    limited,
    refine,
    verified,
    vote,
)
from disputatio.graphs.book_index import Book
from disputatio.memory import KnowledgeGraph
from disputatio.strategies import Strategy
from disputatio.tools.passages import Passage

DOUBLES = KnowledgeGraph()
for number in range(1, 9):
    DOUBLES.add(str(number), "half", str(2 * number))
DOUBLES.add("3", "double", "6")
DOUBLES.add("5", "double", "10")
READ = Book(passages=tuple(Passage(f"line {n}", f"{n} and {n} is {2 * n}.") for n in range(1, 6)))

PATTERNS: dict[str, Strategy[...]] = {
    "vote": vote(chain_of_thought, debate(2, rounds=1), Solver("third")),
    "vote by a judge": vote(chain_of_thought, chain_of_thought, decision="judge"),
    "escalate": escalate(debate(2, rounds=1), debate(3, rounds=1), accept=lambda answer: False),
    "limited": limited(debate(2), Budget(calls=8)),
    "chatrule": chatrule(DOUBLES, relations="double", entity="2"),
    "comorag": CATALOGUE["comorag"](documents=READ, attempts=2, probes=1, k=1),
    "k_paths": CATALOGUE["k_paths"](graph=DOUBLES),
    "evidence loop": evidence_loop(lambda query, without: [Found(f"{query} is asked.", "a book")]),
    "refine": refine(chain_of_thought, rounds=2, gate="always"),
    "verified": verified(debate(2, rounds=1)),
    "critique in the loop": CATALOGUE["critique_in_the_loop"],
    "critique of three": CATALOGUE["critique_in_the_loop"](samples=3, rounds=2),
    "adaptive": CATALOGUE["adaptive_consistency"](samples=6),
    "early stopping": CATALOGUE["early_stopping_self_consistency"](samples=6, window=3),
    "universal": CATALOGUE["universal_self_consistency"](samples=3),
    "corex debate": CATALOGUE["corex_debate"](rounds=1),
    "corex review": CATALOGUE["corex_review"](3),
    "heart": CATALOGUE["heart"](rounds=2),
    "heart with an oracle": CATALOGUE["heart"](rounds=2, oracle=lambda answer: False),
    "pairwise judge": CATALOGUE["pairwise_judge"](n=3),
    "sayself": CATALOGUE["sayself"](samples=3),
    "constraint first": CATALOGUE["constraint_first"](tools=(), turns=3, retries=1),
    "mixture of thought": CATALOGUE["mixture_of_thought"],
    "aidsafe": CATALOGUE["aidsafe_deliberation"],
    "reasoning bank": CATALOGUE["reasoning_bank"](debate(2, rounds=1)),
    "matts": CATALOGUE["matts"](k=2),
    "matts in sequence": CATALOGUE["matts"](k=1, mode="sequential"),
}
