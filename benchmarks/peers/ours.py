"""Disputatio itself, measured as a peer among the others."""

from dataclasses import replace

from peer import KEY, MAX_TOKENS, MODEL, URL, serve

import disputatio as dp
from disputatio.agents import Solver
from disputatio.graphs import best_of, chain_of_thought, debate, self_consistency
from disputatio.models import OpenAICompatible
from disputatio.models.load import SMALL
from disputatio.strategies import Strategy

SOLVER = Solver(instruction="Think in one or two short sentences, then answer the question.")  # as the others are told


def asked(strategy: Strategy[...], structure: str = "native") -> dp.Result:
    """A method that runs a strategy.

    Args:
        strategy: Which.
        structure: "native" is one call a turn; "two_step", what `local` does as it comes, a second that reads.
    """
    model = OpenAICompatible(
        name="local",
        base_url=URL,
        model=MODEL,
        api_key=KEY,
        profile=replace(SMALL, structure=structure, max_tokens=MAX_TOKENS),
        defaults={"stop": ["\nRound ", "\n["]},  # as `local` has it
    )

    def method(item: dict[str, str]) -> str:
        question = dp.Question.model_validate_json(item["whole"])
        answer = dp.solve(question, strategy=strategy, model=model).answer
        return "" if answer.abstained else f"Answer: {answer.text}"

    return method


if __name__ == "__main__":
    serve(
        {
            "self_consistency": asked(self_consistency(samples=5, solver=SOLVER)),
            "self_consistency_two_step": asked(self_consistency(samples=5, solver=SOLVER), "two_step"),
            "best_of_n": asked(best_of(chain_of_thought(solver=SOLVER), n=3)),
            "mixture": asked(debate(4, rounds=1, decision="judge")),
            "debate": asked(debate(3, rounds=2)),
        }
    )
