"""Debate as it was published: what each debater reads, when it reads it, and what comes of it."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disputatio.agents import Agent, Debater
from disputatio.agents.debater import OPENING, REBUTTAL, SELF_CHECK
from disputatio.budget import Usage
from disputatio.context import Context
from disputatio.graphs import debate, self_consistency
from disputatio.graphs.run import prepare, run
from disputatio.graphs.topology import readers
from disputatio.model import Model, Profile, Reply, Request
from disputatio.models import ScriptedModel
from disputatio.question import Question
from disputatio.result import Result
from disputatio.strategies import Strategy
from disputatio.thought import Thought
from disputatio.tools import Tool, tool

Seen = Mapping[str, Sequence[str]]
"""What an agent has read: the answers of each author, in the order of the rounds."""


@dataclass
class Voice:
    """The model of one debater: it stamps each reply, and answers by what it has read in its prompt."""

    owner: str
    choose: Callable[[Seen], str]
    name: str = "voice"
    profile: Profile = field(default_factory=Profile)
    prompts: list[str] = field(default_factory=list)

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        prompt = "\n\n".join(message["content"] for message in request.messages)
        self.prompts.append(prompt)
        seen: dict[str, list[str]] = {}
        for author, _, answer in stamps(prompt):
            seen.setdefault(author, []).append(answer)
        await asyncio.sleep(0)
        return Reply(text=stamped(self.owner, len(self.prompts), self.choose(seen)), usage=Usage(calls=1))


def stamped(owner: str, turn: int, answer: str) -> str:
    return f"<{owner} said {answer} in round {turn}>\nAnswer: {answer}\nConfidence: 50"


def stamps(prompt: str) -> list[tuple[str, int, str]]:
    found = re.findall(r"<(\w+) said (.*?) in round (\d+)>", prompt)
    return [(author, int(turn), answer) for author, answer, turn in found]


def panel(choosers: Sequence[Callable[[Seen], str]]) -> tuple[list[Agent], dict[str, Voice]]:
    voices = {name: Voice(name, choose) for name, choose in zip("abcdefgh", choosers, strict=False)}
    return [Debater(name, model=voice) for name, voice in voices.items()], voices


def stubborn(answer: str) -> Callable[[Seen], str]:
    return lambda seen: answer


def local_majority(owner: str, first: str) -> Callable[[Seen], str]:
    """First its own, then what most of those it reads last said, itself included; it keeps its own in a tie."""

    def choose(seen: Seen) -> str:
        if not seen:
            return first
        last = [answers[-1] for answers in seen.values()]
        return max(seen[owner][-1], *last, key=lambda answer: (last.count(answer), answer == seen[owner][-1]))

    return choose


async def solved(strategy: Strategy[...], question: str = "Which?", seed: int | None = None) -> Result:
    return await run(Question(text=question), strategy, prepare(model=ScriptedModel(lambda _: ""), seed=seed))


def answers(result: Result) -> list[str]:
    """The answers of each round, joined in seat order."""
    rounds = max(thought.round for thought in result.thoughts)
    spoken = [
        sorted((t.author, t.answer or "-") for t in result.thoughts if t.round == n) for n in range(1, rounds + 1)
    ]
    return ["".join(answer for _, answer in one) for one in spoken]


LINE = nx.DiGraph([("a", "b"), ("b", "c"), ("c", "d"), ("e", "a")])
PLACES = nx.path_graph(5)


@pytest.mark.parametrize(
    "topology", ["full", "ring", "star", LINE, PLACES], ids=["full", "ring", "star", "line", "path"]
)
async def test_a_debater_reads_its_neighbours_and_itself_up_to_the_last_round_and_nothing_else(
    topology: "str | nx.Graph[str]",
) -> None:
    agents, voices = panel([stubborn(answer) for answer in "VWXYZ"])
    await solved(debate(agents, rounds=4, topology=topology))
    reads = readers(topology, list(voices))
    for name, voice in voices.items():
        visible = [other for other in voices if other == name or reads.has_edge(name, other)]
        for turn, prompt in enumerate(voice.prompts, 1):
            expected = [
                (author, earlier, voices[author].choose({})) for earlier in range(1, turn) for author in visible
            ]
            assert stamps(prompt) == expected, "each once, by rounds, and nothing of this round"
            for author, earlier, answer in expected:
                assert stamped(author, earlier, answer) in prompt


def test_the_named_topologies_are_what_they_say() -> None:
    names = "abcde"
    assert set(readers("full", names).edges) == {(one, other) for one in names for other in names if one != other}
    ring = {("a", "b"), ("b", "c"), ("c", "d"), ("d", "e"), ("e", "a")}
    assert set(readers("ring", names).edges) == ring | {(other, one) for one, other in ring}
    spokes = {("a", other) for other in "bcde"}
    assert set(readers("star", names).edges) == spokes | {(other, one) for one, other in spokes}


def told(prompt: str, task: str) -> bool:
    """Whether a prompt holds one of the debater's instructions, whoever is spoken to."""
    return all(part.strip() in prompt for part in task.split("{you}"))


async def test_openings_are_independent_and_everybody_is_told_only_who_they_are() -> None:
    agents, voices = panel([stubborn("X")] * 3)
    personas = {"a": "a baker", "b": "a miller", "c": "a cook"}
    seated = [Debater(agent.name, persona=personas[agent.name], model=agent.model) for agent in agents]
    await solved(debate(seated, rounds=3))
    for name, voice in voices.items():
        assert [len(stamps(prompt)) for prompt in voice.prompts] == [0, 3, 6]
        assert [told(prompt, OPENING) for prompt in voice.prompts] == [True, False, False]
        assert [told(prompt, REBUTTAL) for prompt in voice.prompts] == [False, True, True]
        for prompt in voice.prompts:
            assert [persona for persona in personas.values() if persona in prompt] == [personas[name]]


async def test_one_debater_alone_checks_its_own_reasoning_in_every_later_round() -> None:
    agents, voices = panel([stubborn("X")])
    result = await solved(debate(agents, rounds=3))
    assert [told(prompt, SELF_CHECK) for prompt in voices["a"].prompts] == [False, True, True]
    assert [len(stamps(prompt)) for prompt in voices["a"].prompts] == [0, 1, 2]
    assert result.answer.value == "x"


@settings(deadline=None, max_examples=40)
@given(
    firsts=st.lists(st.sampled_from(["A", "B", "C", ""]), min_size=1, max_size=6),
    rounds=st.integers(1, 3),
    seed=st.integers(0, 2**20),
)
def test_a_debate_of_the_stubborn_is_self_consistency_on_their_first_answers(
    firsts: list[str], rounds: int, seed: int
) -> None:
    async def both() -> tuple[Result, Result]:
        agents, _ = panel([stubborn(answer) for answer in firsts])
        debated = await solved(debate(agents, rounds=rounds), seed=seed)
        models: dict[str, Model | str] = {f"sample {n}": Voice("s", stubborn(a)) for n, a in enumerate(firsts, 1)}
        sampled = self_consistency(samples=len(firsts))
        return debated, await run(
            Question(text="Which?"), sampled, prepare(model=Voice("", stubborn("")), models=models, seed=seed)
        )

    debated, sampled = asyncio.run(both())
    assert debated.answer.data == sampled.answer.data
    for name in ("text", "value", "confidence", "stop_reason"):
        assert getattr(debated.answer, name) == getattr(sampled.answer, name)
    assert bool(debated.answer.value) == any(firsts)


@pytest.mark.parametrize(
    ("firsts", "topology", "course"),
    [
        ("AABBB", "full", ["AABBB", "BBBBB", "BBBBB"]),
        ("AABBB", "ring", ["AABBB", "AABBB", "AABBB"]),
        ("ABABB", "ring", ["ABABB", "BABBB", "BBBBB"]),
        ("ABBBB", "star", ["ABBBB", "BBBBB", "BBBBB"]),
        ("AABBB", nx.DiGraph([("a", "c"), ("a", "d"), ("b", "c")]), None),
    ],
)
async def test_adopting_the_local_majority_takes_the_course_that_the_topology_gives(
    firsts: str, topology: "str | nx.Graph[str]", course: list[str] | None
) -> None:
    agents, _ = panel([local_majority(name, first) for name, first in zip("abcde", firsts, strict=True)])
    if course is None:
        with pytest.raises(ValueError, match="lacks 'e'"):
            debate(agents, rounds=3, topology=topology)
        return
    result = await solved(debate(agents, rounds=3, topology=topology))
    assert answers(result) == course
    assert result.answer.value == "b"
    assert result.answer.confidence == course[-1].count("B") / 5


async def test_it_stops_as_soon_as_all_agree_in_one_round_and_says_so() -> None:
    agents, voices = panel([local_majority(name, first) for name, first in zip("abc", "ABB", strict=True)])
    result = await solved(debate(agents, rounds=9, until_agreed=True))
    assert answers(result) == ["ABB", "BBB"]
    assert [len(voice.prompts) for voice in voices.values()] == [2, 2, 2]
    assert (result.answer.value, result.stop_reason) == ("b", "agreed")


@pytest.mark.parametrize("until_agreed", [False, True])
async def test_without_agreement_it_goes_on_to_the_last_round(until_agreed: bool) -> None:
    agents, voices = panel([stubborn("A"), stubborn("B"), stubborn("A")])
    result = await solved(debate(agents, rounds=4, until_agreed=until_agreed))
    assert [len(voice.prompts) for voice in voices.values()] == [4, 4, 4]
    assert (result.answer.value, result.stop_reason) == ("a", "finished")
    assert result.answer.dissent == ("B (b)",)


async def test_agreement_that_nobody_asked_for_stops_nothing() -> None:
    agents, voices = panel([stubborn("A")] * 2)
    result = await solved(debate(agents, rounds=3))
    assert ([len(voice.prompts) for voice in voices.values()], result.stop_reason) == ([3, 3], "finished")


async def test_a_debater_that_cannot_be_read_is_no_agreement_and_keeps_its_earlier_answer() -> None:
    agents, _ = panel([stubborn("A"), stubborn("A"), lambda seen: "" if seen else "B"])
    result = await solved(debate(agents, rounds=3, until_agreed=True))
    assert answers(result) == ["AAB", "AA-", "AA-"]
    tally = result.answer.data["tally"]
    assert isinstance(tally, dict)
    assert (tally["scores"], tally["votes"], tally["abstained"]) == ({"a": 2.0, "b": 1.0}, 3, 0)
    assert result.answer.dissent == ("B (c)",)


async def test_a_debater_that_never_could_be_read_abstains() -> None:
    agents, _ = panel([stubborn("A"), stubborn(""), stubborn("")])
    tally = (await solved(debate(agents))).answer.data["tally"]
    assert isinstance(tally, dict)
    assert (tally["winner"], tally["scores"], tally["votes"], tally["abstained"]) == ("a", {"a": 1.0}, 1, 2)


class Together(ScriptedModel):
    """Waits until as many calls are in flight as there are debaters."""

    barrier: asyncio.Barrier

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        async with asyncio.timeout(20):
            await self.barrier.wait()
        return await super().complete(request, on_text)


@tool
def clock() -> str:
    """Tell the time."""
    return "noon"


@pytest.mark.parametrize("topology", ["full", "ring"])
@pytest.mark.parametrize("tools", [(), (clock,)], ids=["a node for all", "a node each"])
async def test_a_round_is_one_superstep_with_all_calls_in_flight_together(
    topology: str, tools: tuple[Tool, ...]
) -> None:
    model = Together(lambda prompt: "Answer: X")
    model.barrier = asyncio.Barrier(4)
    steps: dict[int, list[str]] = {}
    names = [f"debater {seat}" for seat in range(1, 5)]
    agents = [replace(Debater(name), tools=tools, tool_steps=0) for name in names]
    graph = debate(agents, rounds=3, topology=topology).compile()
    context = Context(models={"default": model})
    async for event in graph.astream({"question": "Which?"}, context=context, stream_mode="debug"):
        if event["type"] == "task":
            steps.setdefault(event["step"], []).append(event["payload"]["name"])
    nodes = names if tools else ["debaters"]
    assert [sorted(step) for step in steps.values()] == [nodes, nodes, nodes, ["decide"]]


async def test_what_was_said_stands_in_one_order_whether_debaters_share_a_node_or_not() -> None:
    orders = []
    for tools in ((), (clock,)):
        agents = [replace(Debater(name), tools=tools, tool_steps=0) for name in ("c", "a", "b")]
        result = await run(
            Question(text="Which?"), debate(agents, rounds=2), prepare(model=ScriptedModel(lambda _: "Answer: X"))
        )
        orders.append([(one.author, one.round) for one in result.thoughts])
        assert [author for author, _ in orders[-1]] == [*"abcabc"]
    assert orders[0] == orders[1]


def shared(prompts: Sequence[str]) -> float:
    """The part of all characters that begins as some earlier prompt does: what a prefix cache need not read again."""
    reused = [max((len(common(one, earlier)) for earlier in prompts[:n]), default=0) for n, one in enumerate(prompts)]
    return sum(reused) / sum(map(len, prompts))


def common(one: str, other: str) -> str:
    size = next((n for n, (mine, theirs) in enumerate(zip(one, other, strict=False)) if mine != theirs), None)
    return one[:size]


LOAVES = """\
A baker makes 40 loaves on Monday and on each following day 6 loaves more than on the day before; one loaf in 10 is \
burnt, and every good loaf is sold for 3 coins, while a burnt one costs 1 coin to replace. How many coins has the \
baker earned by the evening of Friday, if the two loaves that are given away each day are counted as sold?"""


async def test_prompts_share_a_prefix_and_differ_in_the_persona_at_their_end() -> None:
    def reply(prompt: str) -> str:
        turn, words = len(model.prompts), LOAVES.split()
        return " ".join(words[(turn + n) % len(words)] for n in range(43)) + f" {turn}\nAnswer: 480\nConfidence: 60"

    model = ScriptedModel(reply)
    experts = [Debater(name, persona=f"an expert in {name} matters") for name in ("Anna", "Ben", "Cleo")]
    result = await run(Question(text=LOAVES), debate(experts, rounds=3, decision="judge"), prepare(model=model))
    assert [len(thought.text.split()) for thought in result.thoughts] == [48] * 10
    for one, other in combinations(model.prompts[6:9], 2):
        start = common(one, other)
        assert all(thought.text in start for thought in result.thoughts[:6]), "the transcript comes before the persona"
        assert not any(f"{expert.name} matters" in start for expert in experts)
    assert shared(model.prompts) >= 0.70


async def test_a_debaters_links_say_what_it_read() -> None:
    agents, _ = panel([stubborn("A"), stubborn("B"), stubborn("C"), stubborn("D")])
    result = await solved(debate(agents, rounds=2, topology="ring"))
    by_id = {thought.id: thought for thought in result.thoughts}

    def end(thought: Thought) -> str:
        return f"{thought.author}{thought.round}"

    found = {(end(by_id[link.source]), link.kind, end(by_id[link.target])) for link in result.links}
    neighbours = {"a": "bd", "b": "ac", "c": "bd", "d": "ac"}
    uses = {(f"{name}2", "uses", f"{other}1") for name, others in neighbours.items() for other in others}
    assert found == uses | {(f"{name}2", "refines", f"{name}1") for name in neighbours}
    assert [thought.kind for thought in result.thoughts] == ["claim"] * 4 + ["rebuttal"] * 4


async def test_one_readable_ballot_among_many_positions_is_no_certainty_beyond_all() -> None:
    turn = iter(range(10**6))
    model = ScriptedModel(lambda prompt: ("0", "ANSWER:0\rRANKING:1")[next(turn) % 2])
    result = await run(Question(text="Which?"), debate(decision="condorcet"), prepare(model=model))
    assert result.answer.confidence == 1.0
