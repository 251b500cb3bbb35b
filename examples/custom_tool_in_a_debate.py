"""A tool of your own in ten lines, and two debaters who look something up before they speak."""

import disputatio as dp
from disputatio.agents import Debater
from disputatio.graphs import debate
from disputatio.models import Model
from disputatio.tools import tool

LITRES = {"beef": 15_400, "rice": 2_500, "wheat": 1_800, "potatoes": 290}


@tool(access="pure")
def water(food: str) -> str:
    """Litres of water that a kilogram of a food takes to grow.

    Args:
        food: A plain name: beef, rice, wheat, potatoes.
    """
    if food.lower() not in LITRES:
        raise dp.ToolError(f"nothing is known of {food!r}; known: {', '.join(LITRES)}")
    return f"{LITRES[food.lower()]:,} litres a kilogram"


def main(model: Model | str = "local") -> dp.Result:
    """Debate for one round; each debater may look up one food before it speaks."""
    panel = [Debater("farmer", tools=[water]), Debater("cook", tools=[water])]
    question = "Should a city canteen serve potatoes instead of rice?"
    result = dp.solve(question, strategy=debate(panel, rounds=1), model=model, budget=dp.Budget(seconds=120), seed=1)
    for thought in result.thoughts:
        print(f"[{thought.author}] {thought.text}\n")
    print(f"Answer: {result.answer.text}")
    return result


if __name__ == "__main__":
    main()
