"""An agent of your own: a role, an instruction and the form of its reply. It runs wherever an agent does."""

from pydantic import Field

import disputatio as dp
from disputatio.agents import Agent, Answered, Debater, Form, Percent
from disputatio.graphs import debate, sequence
from disputatio.models import Model


class Estimate(Form):
    """What the historian gives; `score` also becomes the score of its thought."""

    precedent: str = Field(description="the closest earlier case, in one sentence")
    score: Percent = Field(description="how alike it is, in percent")


historian = Agent(
    name="historian",
    role="historian",
    instruction="You are a historian. Name the earlier case that is most like this one. Do not answer the question.",
    kind="observation",
    form=Estimate,
)
farmer = Agent(
    name="farmer",
    role="debater",
    instruction="You are a farmer who sells at the market in the centre. Give your answer and your reasons.",
    form=Answered,
)


def main(model: Model | str = "local") -> dp.Result:
    """Let the historian speak first, then let the farmer debate with a debater that comes with the library."""
    strategy = sequence(historian, debate([farmer, Debater("sceptic")], rounds=1))
    result = dp.solve("Should cities ban private cars from their centres?", strategy=strategy, model=model, seed=1)
    for thought in result.thoughts:
        print(f"[{thought.author}] {thought.text}\n")
    print(f"Answer: {result.answer.text}")
    return result


if __name__ == "__main__":
    main()
