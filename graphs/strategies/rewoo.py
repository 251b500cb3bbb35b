"""ReWOO: the whole plan is written before any observation, and all observations are read at once.

The graph is that of `plan_execute`.
"""

from collections.abc import Sequence

from pydantic import Field

from disputatio.agents.agent import Agent
from disputatio.agents.forms import Form, answered
from disputatio.errors import ConfigurationError
from disputatio.graphs.compose import turns_of
from disputatio.graphs.plan_execute import plan_execute
from disputatio.graphs.wiring import Graph
from disputatio.memory.transcript import of_kind
from disputatio.question import Question
from disputatio.strategies import strategy
from disputatio.thought import Thought
from disputatio.tools import calculator
from disputatio.tools.toolbox import Tools

PLAN = """\
Plan how to answer the question with these helpers. You will not see what they find.
{tools}
- llm(question: string): a person of general knowledge, who sees nothing but the input

For each step write one sentence on what it is for, and after it one line that calls one helper and names the result: \
#E1, #E2 and so on. An input may hold the results of earlier steps. For example:

Plan: Find out how long the film is.
#E1 = llm[How many minutes does the film Alien last?]
Plan: Turn it into seconds.
#E2 = calculator[#E1 * 60]"""
SOLVE = """\
Answer the question from these results, and from nothing else where they suffice. They may be long, beside the point \
or wrong. Reply with the answer directly, without extra words.

The question again: {question}"""
WORK = "Reply with the shortest answer that says it all."
TOOLS = (calculator,)


class Steps(Form):
    """A plan with variables, for models that cannot write it out."""

    assignments: list[str] = Field(
        default=[], description="nothing more if the plan is above; else its lines, as #E1 = ..."
    )


def _solving(agent: Agent, question: Question, seen: Sequence[Thought]) -> str:
    return SOLVE.format(question=question.text)


@strategy(
    source="Xu et al. 2023, arXiv:2305.18323, section 2; defaults of the released code",
    calls=lambda tools, steps, repairs, planner, solver: turns_of(planner) * (1 + repairs) + steps + turns_of(solver),
)
def rewoo(
    *,
    tools: Tools | None = None,
    steps: int = 20,
    repairs: int = 0,
    planner: Agent | None = None,
    solver: Agent | None = None,
) -> Graph:
    """Plan all tool calls at once, carry them out, and answer from all that they gave.

    A plan with w steps for the model itself ("llm") costs 2 + w calls, whatever number of tools it uses; w is at most
    `steps`. Steps that do not need one another run at once.

    Args:
        tools: What the plan can call besides the model itself; None is the calculator. A toolbox follows its servers.
        steps: The most steps of a plan, at least 1.
        repairs: How often a planner whose plan cannot be carried out is told why and asked again; 0 in the paper.
        planner: Who plans, in words that `graphs.plans.read_plan` reads; None makes one.
            Where its instruction says `{tools}`, it is shown the tools.
        solver: Who answers; None makes one.

    Raises:
        ConfigurationError: If a number is too small, or a tool is called llm.

    Departs from the paper: steps run in waves instead of one after the other; a plan with a circle, an unknown or a
    later variable is refused before any tool runs, and without repairs the run is then undecided; a result is put in
    the place of its variable in one pass, so that what it says is not read as a variable, and as a value, so that it
    chooses no argument; a result from outside is shown to the model itself below the input, as data. Prompts are
    ours, with one worked example.
    """
    found = TOOLS if tools is None else tools
    if any(tool.name == "llm" for tool in found):
        raise ConfigurationError("a tool of rewoo cannot be called 'llm': that is the model itself")
    planning = planner or Agent(
        name="planner",
        role="planner",
        instruction=PLAN,
        kind="plan",
        form=Steps,
        view=of_kind("plan"),
        temperature=0.5,
        max_tokens=256,
    )
    answering = solver or Agent(
        name="solver",
        role="solver",
        instruction=_solving,
        form=answered,
        view=of_kind("plan"),
        temperature=0.5,
        max_tokens=256,
    )
    worker = Agent(
        name="llm",
        role="solver",
        instruction=WORK,
        kind="observation",
        view=lambda state: [],
        temperature=0.0,
    )
    return plan_execute(planning, answering, tools=found, workers={"llm": worker}, steps=steps, repairs=repairs).graph()
