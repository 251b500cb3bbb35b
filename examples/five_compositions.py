"""Five compositions, each in three lines or less: strategies made of strategies, under one budget."""

import disputatio as dp
from disputatio.agents import Debater, Planner, Verifier
from disputatio.graphs import (
    best_of,
    chain_of_thought,
    critique_in_the_loop,
    debate,
    escalate,
    limited,
    refine,
    self_consistency,
    vote,
)
from disputatio.models import Model
from disputatio.strategies import Strategy

# A plan, then a debate, then a check of what it came to: what was said before stays in sight.
panel = debate([Debater("optimist"), Debater("sceptic")], until_agreed=True)
checked = Planner() >> panel >> refine(chain_of_thought, rounds=1)

# Three ways of reasoning, and the answer that most of them come to.
ways = (chain_of_thought, critique_in_the_loop, panel)
voted = vote(*ways)

# Cheap first: the dearer ones are asked only where the samples do not agree.
samples = self_consistency(samples=3)
cascade = escalate(samples, best_of(n=2), panel, accept=1.0)

# A debate of strategies: each concludes with at most four calls, and debaters who read all of that go on from there.
sides = [limited(side, dp.Budget(calls=4)) for side in (critique_in_the_loop, best_of(n=2), samples)]
court = vote(*sides, decision="judge") >> panel

# The verifier as a gate: what it does not support is debated, and of several debates the best one counts.
debates = best_of(panel, n=2, by=Verifier(), weighted=True)
gated = escalate(chain_of_thought, debates, accept=Verifier())

COMPOSITIONS: dict[str, Strategy[...]] = {
    "plan, debate, check": checked,
    "vote of three ways": voted,
    "cheap first": cascade,
    "debate of strategies": court,
    "verified or debated": gated,
}


def main(model: Model | str = "local", seconds: float = 120) -> dict[str, dp.Result]:
    """Ask each of them the same question, within a time limit."""
    question = dp.Question(text="Should cities ban private cars from their centres?", answer_type="boolean")
    results = {}
    for name, strategy in COMPOSITIONS.items():
        budget = dp.Budget(seconds=seconds / len(COMPOSITIONS))
        results[name] = dp.solve(question, strategy=strategy, model=model, budget=budget, seed=1)
        answer, usage = results[name].answer, results[name].usage
        print(f"{name}: {answer.text or 'no answer'}, {usage.calls} calls for at most {strategy.calls} turns")
    return results


if __name__ == "__main__":
    main()
