"""Chain of thought: one agent thinks step by step, then answers.

START -> solver -> answer -> END
"""

from collections.abc import Sequence
from dataclasses import replace

from langgraph.graph import END, START

from disputatio.agents.agent import Agent
from disputatio.agents.demonstrations import Demonstration, shown, with_steps
from disputatio.agents.solver import Solver
from disputatio.errors import ConfigurationError
from disputatio.graphs.compose import turns_of
from disputatio.graphs.conclude import answer_of
from disputatio.graphs.wiring import Graph, new_graph
from disputatio.state import Output, State
from disputatio.strategies import strategy

FEW_SHOT = """\
These examples show how such questions are answered:

{examples}

Now answer the question at the top in the same way: step by step, with steps as long and as many as in the examples."""


@strategy(
    source="Kojima et al. 2022, arXiv:2205.11916, section 3 (zero-shot); with examples: Wei et al. 2022, "
    "arXiv:2201.11903, section 2; with added steps: Jin et al. 2024, arXiv:2401.04925, section 3",
    calls=lambda solver, examples, added_steps: turns_of(solver),
)
def chain_of_thought(
    *, solver: Agent | None = None, examples: Sequence[Demonstration] = (), added_steps: int = 0
) -> Graph:
    """Let one agent think step by step, then answer.

    Args:
        solver: Who thinks; None makes a plain solver.
        examples: Worked examples, which the agent follows; without any it is only told to think step by step.
        added_steps: How many steps each example gets that bring no new fact; a negative number joins as many. Longer
            examples make for longer reasoning.

    Raises:
        ConfigurationError: If steps are to be added without examples, or more than an example takes.

    Departs from the paper: the answer is asked for with the reasoning, on a line of its own; the paper's second
    prompt, which extracts it, is sent only to models that need two steps. Examples come after the question; steps
    are added by rule, of four of the five kinds (no equations are written out). Prompts are reworded.
    """
    if added_steps and not examples:
        raise ConfigurationError("steps are added to examples, and there are none")
    thinker = solver or Solver()
    if examples:
        told = shown([with_steps(example, added_steps) for example in examples])
        thinker = replace(thinker, instruction=FEW_SHOT.format(examples=told))

    def answer(state: State) -> Output:
        return {"answer": answer_of(state, thinker.name)}

    graph = new_graph().add_node(thinker.name, thinker).add_node(answer)
    return graph.add_edge(START, thinker.name).add_edge(thinker.name, "answer").add_edge("answer", END)
