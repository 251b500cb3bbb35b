"""InftyThink: reasoning in bounded segments with running summaries, so that its length has no limit.

The graph is that of `segment_loop`.
"""

from dataclasses import replace

from disputatio.agents.agent import Agent
from disputatio.agents.proposer import Proposer
from disputatio.agents.summariser import Summariser
from disputatio.errors import ConfigurationError
from disputatio.graphs.compose import turns_of
from disputatio.graphs.segment_loop import segment_loop
from disputatio.graphs.wiring import Graph
from disputatio.strategies import strategy

SEGMENT = """\
Reason step by step towards the answer. You need not finish now: your work will be summed up, and you will go on from \
the summary. Give the final answer only if you have come to it."""


@strategy(
    source="Yan et al. 2025, arXiv:2503.06692, section 3; defaults of the released code",
    calls=lambda segments, solver, summariser, **_: segments * turns_of(solver) + (segments - 1) * turns_of(summariser),
)
def inftythink(
    *,
    segments: int = 50,
    segment_tokens: int = 4096,
    summary_tokens: int = 512,
    temperature: float = 0.7,
    solver: Agent | None = None,
    summariser: Agent | None = None,
) -> Graph:
    """Reason in segments of bounded length; after each, a summary replaces all that was thought before.

    A run of m segments costs 2 m - 1 calls. With a question of q tokens, no prompt with its reply is longer than
    q + 2 summary_tokens + segment_tokens and the words of the instruction, however long the reasoning gets.

    Args:
        segments: The most segments, at least 1. A run that uses them up is undecided.
        segment_tokens: The longest segment, in tokens.
        summary_tokens: The longest summary, in tokens; one that is cut off loses its last item.
        temperature: Randomness of the segments, from 0.
        solver: Who thinks; None makes one.
        summariser: Who sums up; None makes one.

    Raises:
        ConfigurationError: If a number is too small.

    Departs from the paper: the paper trains one model that writes a segment and its summary in one reply, so that m
    segments cost m calls; here an untrained model is prompted, and the summary is a call of its own. Unfinished is a
    segment that gives no final answer. A summary that is missing leaves the one before in force, where the released
    code starts anew. A run whose summaries stand still is warned once, then ended. Prompts are ours.
    """
    if min(segment_tokens, summary_tokens) < 1 or temperature < 0:
        raise ConfigurationError(
            f"inftythink needs tokens of at least 1 and a temperature from 0, got segment_tokens={segment_tokens}, "
            f"summary_tokens={summary_tokens}, temperature={temperature}"
        )
    thinker = replace(
        solver or Proposer("thinker", instruction=SEGMENT), temperature=temperature, max_tokens=segment_tokens
    )
    writer = replace(summariser or Summariser(), max_tokens=summary_tokens)
    return segment_loop(thinker, writer, segments=segments).graph()
