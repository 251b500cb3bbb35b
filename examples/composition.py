"""Composition: plan first, then run a debate several times and let a verifier with tools take the best answer."""

import disputatio as dp
from disputatio.agents import Debater, Planner, Verifier
from disputatio.graphs import best_of, debate, sequence
from disputatio.models import Model
from disputatio.tools import python, tool

PRICES = {"ACME": 41.5}


@tool
def price(ticker: str) -> float:
    """Last price of a share in US dollars."""
    if ticker not in PRICES:
        raise dp.ToolError(f"no price of {ticker!r}; known: {', '.join(PRICES)}")
    return PRICES[ticker]


panel = debate([Debater("optimist"), Debater("sceptic")], rounds=3, decision="grounded")
strategy = sequence(Planner(), best_of(panel, n=4, by=Verifier(tools=[python, price])))


def main(model: Model | str = "local", seconds: float = 120) -> dp.Result:
    """Run it within a time limit: what is said until then decides, and the result says so."""
    question = dp.Question(
        text="Is ACME fairly priced?",
        answer_type="boolean",
        context=("ACME earns 3.20 dollars a share. Companies like it cost 12 to 14 times what they earn.",),
    )
    print(f"{strategy.name} takes at most {strategy.calls} turns")
    result = dp.solve(question, strategy=strategy, model=model, budget=dp.Budget(seconds=seconds), seed=1)
    result.show()
    return result


if __name__ == "__main__":
    main()
