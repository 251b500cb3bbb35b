"""ReWOO against ReAct on the same task of four steps: what each asks of its models."""

import re

from disputatio.graphs import react, rewoo
from disputatio.graphs.run import prepare, run
from disputatio.models import ScriptedModel
from disputatio.question import Question
from disputatio.result import Result
from disputatio.strategies import Strategy
from disputatio.tools import tool

ASKED = Question(text="Who was born first, the author of Emma or the author of Walden?")
FACTS = {
    "author of Emma": "Emma is a novel of 1815 by Jane Austen, about a young woman who makes matches for others.",
    "author of Walden": "Walden is a book of 1854 by Henry David Thoreau, on two years in a cabin at a pond.",
    "Jane Austen": "Jane Austen was born on 16 December 1775 in Steventon and died on 18 July 1817 in Winchester.",
    "Thoreau": "Henry David Thoreau was born on 12 July 1817 in Concord, where he also died on 6 May 1862.",
}
PLAN = "\n".join(f"Plan: Look up {what}.\n#E{n} = look_up[{what}]" for n, what in enumerate(FACTS, 1))
STEPS = [f"Thought: I need {what}.\nAction: look_up[{what}]" for what in FACTS]


@tool(access="pure")
def look_up(what: str) -> str:
    """Look something up in an encyclopedia."""
    return FACTS[what]


async def measured(strategy: Strategy[...], *replies: str) -> Result:
    said = iter(replies)
    result = await run(ASKED, strategy, prepare(model=ScriptedModel(lambda prompt: next(said))))
    assert {one.text for one in result.thoughts if one.role == "tool"} == set(FACTS.values())
    assert result.answer.text == "Jane Austen"
    return result


async def test_two_calls_instead_of_five_and_at_most_four_tenths_of_the_prompt() -> None:
    planned = (await measured(rewoo(tools=[look_up]), PLAN, "Answer: Jane Austen")).usage
    acted = (await measured(react(tools=[look_up]), *STEPS, "Thought: So.\nAnswer: Jane Austen")).usage
    assert (planned.calls, acted.calls) == (2, 5)
    assert planned.prompt_tokens / acted.prompt_tokens <= 0.4, (planned.prompt_tokens, acted.prompt_tokens)


async def test_the_difference_is_what_is_sent_again_at_every_step() -> None:
    """ReAct sends all before it in each of its five prompts, so a result is sent once for each step after it."""
    said = iter([*STEPS, "Answer: Jane Austen"])
    model = ScriptedModel(lambda prompt: next(said))
    await run(ASKED, react(tools=[look_up]), prepare(model=model))
    counts = [len(re.findall("born on|novel of|book of", prompt)) for prompt in model.prompts]
    assert counts == [0, 1, 2, 3, 4]
