"""ReAct: reasoning and acting in turns, in one trajectory of thoughts, actions and observations.

The graph is that of `act_observe`.
"""

from disputatio.agents.agent import Agent
from disputatio.graphs.act_observe import act_observe, acting
from disputatio.graphs.compose import turns_of
from disputatio.graphs.wiring import Graph
from disputatio.memory.transcript import of_kind
from disputatio.strategies import strategy
from disputatio.tools import calculator
from disputatio.tools.toolbox import Tools

ACT = """\
You settle the question in steps. In each step you write a thought, and then either one action or the answer. What \
the action gives is shown to you before the next step; never write an observation yourself. The tools are:
{tools}

An example of a whole course, for the question how many seconds three and a half hours have:
Thought: An hour has 3600 seconds, so I multiply.
Action: calculator[3.5 * 3600]
Observation: 12600
Thought: That is the number.
Answer: 12600

Write the next step only."""
TOOLS = (calculator,)


@strategy(
    source="Yao et al. 2022, arXiv:2210.03629, section 2; 7 steps as for its HotpotQA",
    calls=lambda tools, steps, actor: steps * turns_of(actor),
)
def react(*, tools: Tools | None = None, steps: int = 7, actor: Agent | None = None) -> Graph:
    """Think, call a tool, read what it gave, and go on, until the answer is found.

    A run of s steps costs s calls, each of which reads all steps before it.

    Args:
        tools: What can be called, at least one; None is the calculator. A toolbox follows its servers at each step.
        steps: The most steps, at least 1. A run that uses them up is undecided.
        actor: Who acts, with the form `graphs.act_observe.acting`; None makes one at temperature
            0. Where its instruction says `{tools}`, it is shown the tools.

    Raises:
        ConfigurationError: If there are no steps or no tools.

    Departs from the paper: the prompt has one worked example instead of several of the same task, and only a weak model
    also sees the course as a conversation, after one for each example of its quick tools; finishing is a line
    with the answer instead of an action; the reply is cut where it makes up an observation, after it was written and
    not while it is; a trajectory without an answer is undecided and does not fall back to self-consistency.
    """
    found = TOOLS if tools is None else tools
    thinker = actor or Agent(
        name="actor",
        role="solver",
        instruction=ACT,
        form=acting,
        view=of_kind("plan"),
        temperature=0.0,
    )
    return act_observe(thinker, found, steps=steps).graph()
