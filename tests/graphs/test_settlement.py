"""How a debate is settled: every decision rule from the first word to the answer, and its ballots."""

import re
from collections.abc import Callable

import pytest

from disputatio.agents import Debater, Verifier
from disputatio.graphs import debate
from disputatio.graphs.decisions import RULES
from disputatio.graphs.run import prepare, run
from disputatio.models import ScriptedModel
from disputatio.question import Question
from disputatio.result import Result
from disputatio.strategies import Strategy
from disputatio.thought import Thought

Say = Callable[[str], str]

# Who holds what, how surely, whom they dispute, what they approve of and how they rank: 1 Paris, 2 Rome, 3 Oslo.
PANEL = {
    "ann": ("Paris", 10, "cid", "1", "1, 2, 3"),
    "bob": ("Paris.", 10, "cid", "1, 2", "1 > 2 > 3"),
    "cid": ("Rome", 90, "none", "2", "2\n3\n1"),
    "dan": ("**rome**", 80, "none", "2, 3", "2. Rome\n3. Oslo\n1. Paris"),
    "eve": ("Oslo", 30, "ann, bob", "3 2", "3, 2, 1"),
}


def speaker(name: str) -> ScriptedModel:
    """A debater that never changes its mind, and fills each form that it is asked for."""
    answer, sure, disputes, approved, ranking = PANEL[name]
    fields = {
        "Answer": answer,
        "Confidence": f"{sure} %",
        "Disputes": disputes,
        "Approved": approved,
        "Ranking": ranking,
    }

    def reply(prompt: str) -> str:
        asked = re.findall(r"^([A-Z][a-z]+): <", prompt, re.MULTILINE)
        return f"({name} speaks.)\n" + "\n".join(f"{label}: {fields[label]}" for label in asked)

    return ScriptedModel(reply)


def seated(decision: str, **settings: object) -> tuple[Strategy[...], dict[str, ScriptedModel]]:
    voices = {name: speaker(name) for name in PANEL}
    panel = [Debater(name, model=voice) for name, voice in voices.items()]
    return debate(panel, decision=decision, **settings), voices  # type: ignore[arg-type]


async def settle(strategy: Strategy[...], others: Say = lambda prompt: "", seed: int | None = None) -> Result:
    model = ScriptedModel(others)
    return await run(Question(text="Which city?"), strategy, prepare(model=model, seed=seed))


def scored(result: Result) -> dict[str, float]:
    tally = result.answer.data["tally"]
    assert isinstance(tally, dict)
    scores = tally["scores"]
    assert isinstance(scores, dict)
    return {name: round(float(str(score)), 6) for name, score in scores.items()}


SCORES = {"Paris": 20, "rome": 70, "Oslo": 60}


def judging(prompt: str) -> str:
    """The judge decides for Oslo; the verifier scores a city by the words it is shown."""
    if "Score: <" not in prompt:
        return "Oslo is right.\nAnswer: Oslo\nConfidence: 70"
    answer = re.findall(r"Answer: \W*(\w+)", prompt)[0]
    return f"Reason: so\nVerdict: undecided\nScore: {SCORES.get(answer) or SCORES[answer.lower()]}"


EXPECTED = {
    "plurality": (("paris", "rome"), {"paris": 2, "rome": 2, "oslo": 1}),
    "majority": (None, {"paris": 2, "rome": 2, "oslo": 1}),
    "supermajority": (None, {"paris": 2, "rome": 2, "oslo": 1}),
    "unanimity": (None, {"paris": 2, "rome": 2, "oslo": 1}),
    "confidence_weighted": ("rome", {"paris": 0.2, "rome": 1.7, "oslo": 0.3}),
    "verifier_weighted": ("rome", {"paris": 0.4, "rome": 1.4, "oslo": 0.6}),
    "approval": ("rome", {"paris": 2, "rome": 4, "oslo": 2}),
    "borda": ("rome", {"paris": 4, "rome": 7, "oslo": 4}),
    "condorcet": ("rome", {"paris": 0, "rome": 2, "oslo": 1}),
    "ranked_choice": ("rome", {"paris": 2, "rome": 3, "oslo": 1}),
    # Eve attacks both who hold Paris and nobody attacks her; so cid stands again, though both attack him.
    "grounded": ("rome", {"paris": 0, "rome": 2, "oslo": 1}),
}


@pytest.mark.parametrize("rule", EXPECTED)
async def test_every_rule_decides_what_the_panel_said(rule: str) -> None:
    strategy, voices = seated(rule)
    result = await settle(strategy, judging, seed=1)
    winner, scores = EXPECTED[rule]
    assert scored(result) == scores
    tally = result.answer.data["tally"]
    assert isinstance(tally, dict)
    assert (tally["rule"], tally["votes"], tally["abstained"]) == (rule, 5, 0)
    if winner is None:
        assert (result.answer.value, result.stop_reason, tally["tie"]) == (None, "undecided", [])
        assert len(result.answer.dissent) == 5
    elif isinstance(winner, tuple):
        assert (tally["tie"], result.answer.value in winner) == (list(winner), True)
    else:
        assert (result.answer.value, result.stop_reason, tally["tie"]) == (winner, "finished", [])
        against = [name for name, (answer, *_) in PANEL.items() if winner not in answer.lower()]
        assert [re.findall(r"\((\w+)\)$", dissent) for dissent in result.answer.dissent] == [[name] for name in against]
    assert result.usage.calls == strategy.calls - (2 if rule == "verifier_weighted" else 0)
    assert all(
        len(voice.requests) == (3 if RULES[rule].needs in ("approvals", "rankings") else 2) for voice in voices.values()
    )


def test_no_rule_is_left_out() -> None:
    assert {*EXPECTED, "judge"} == set(RULES)


async def test_the_judge_decides_after_it_has_read_all() -> None:
    strategy, _ = seated("judge")
    heard: list[str] = []

    def judge(prompt: str) -> str:
        heard.append(prompt)
        return judging(prompt)

    result = await settle(strategy, judge)
    assert (result.answer.value, result.answer.confidence, result.answer.text) == ("oslo", 0.7, "Oslo")
    assert [heard[0].count(f"({name} speaks.)") for name in PANEL] == [2] * 5
    assert len(heard) == 1


async def test_where_the_judge_cannot_be_read_the_positions_are_counted() -> None:
    strategy, _ = seated("judge")
    result = await settle(strategy, lambda prompt: "I cannot say.", seed=1)
    assert scored(result) == EXPECTED["plurality"][1]
    assert result.answer.value in ("paris", "rome")


def ballots(voices: dict[str, ScriptedModel]) -> dict[str, str]:
    return {name: voice.prompts[-1] for name, voice in voices.items()}


@pytest.mark.parametrize("rule", ["approval", "borda", "condorcet", "ranked_choice"])
async def test_voters_choose_among_numbered_answers_without_names_or_doubles(rule: str) -> None:
    strategy, voices = seated(rule)
    await settle(strategy)
    for prompt in ballots(voices).values():
        transcript, _, task = prompt.rpartition("speaks.)")
        assert transcript
        listed = re.findall(r"^(\d+)\. (.+)$", task, re.MULTILINE)
        assert listed == [("1", "Paris"), ("2", "Rome"), ("3", "Oslo")]
        assert not [name for name in PANEL if re.search(rf"\b{name}\b", task.split("Now vote", 1)[-1])]


@pytest.mark.parametrize(
    ("rule", "ballot", "valid"),
    [
        ("approval", "Approved: 7", False),
        ("approval", "Approved: 0", False),
        ("approval", "Approved:", False),
        ("approval", "Rome, of course", False),
        ("approval", "Approved: 1, 4", False),
        ("approval", "Approved: 3, 3, 3", True),
        ("borda", "Ranking: 1, 1, 2", False),
        ("borda", "Ranking: 2, 9", False),
        ("borda", "Ranking: 2", True),
        ("ranked_choice", "Ranking: 1, 2, 1", False),
        ("condorcet", '{"ranking": ["3", "1"]}', True),
        ("condorcet", '{"ranking": "none"}', False),
    ],
)
async def test_a_ballot_that_breaks_the_form_abstains(rule: str, ballot: str, valid: bool) -> None:
    strategy, voices = seated(rule)
    answered = voices["ann"].reply
    voices["ann"].reply = lambda prompt: ballot if "Now vote" in prompt else answered(prompt)
    tally = (await settle(strategy)).answer.data["tally"]
    assert isinstance(tally, dict)
    assert (tally["votes"], tally["abstained"]) == ((5, 0) if valid else (4, 1))


async def test_without_a_readable_ballot_nobody_wins() -> None:
    strategy, voices = seated("borda")
    for voice in voices.values():
        voice.reply = lambda prompt, said=voice.reply: "hm" if "Now vote" in prompt else said(prompt)  # type: ignore[misc]
    result = await settle(strategy)
    assert (result.answer.value, result.stop_reason) == (None, "undecided")


@pytest.mark.parametrize("rule", sorted(RULES))
async def test_where_nobody_could_be_read_nobody_is_asked_to_vote(rule: str) -> None:
    model = ScriptedModel(lambda prompt: "hm")
    result = await run(Question(text="Which?"), debate(decision=rule), prepare(model=model))
    assert (result.answer.value, result.stop_reason) == (None, "undecided")
    assert len(model.requests) == 6 + (rule == "judge")


def attackers(result: Result) -> set[tuple[str, str]]:
    by_id: dict[str, Thought] = {thought.id: thought for thought in result.thoughts}
    return {(by_id[link.source].author, by_id[link.target].author) for link in result.links if link.kind == "attacks"}


async def test_attack_links_are_what_the_debaters_dispute() -> None:
    strategy, _ = seated("grounded")
    result = await settle(strategy)
    assert attackers(result) == {("ann", "cid"), ("bob", "cid"), ("eve", "ann"), ("eve", "bob")}
    tally = result.answer.data["tally"]
    assert isinstance(tally, dict)
    assert tally["labels"] == {"ann": "out", "bob": "out", "cid": "in", "dan": "in", "eve": "in"}


async def test_nobody_attacks_who_is_not_asked_to_or_who_is_not_there() -> None:
    strategy, voices = seated("grounded")
    voices["eve"].reply = lambda prompt: "Answer: Oslo\nConfidence: 30\nDisputes: zoe, eve, nobody"
    assert attackers(await settle(strategy)) == {("ann", "cid"), ("bob", "cid")}
    other, _ = seated("plurality")
    assert attackers(await settle(other)) == set()


async def test_a_tie_is_drawn_by_seed_and_stays_marked() -> None:
    drawn = []
    for seed in [*range(16), *range(16)]:
        strategy, _ = seated("plurality", rounds=1)
        answer = (await settle(strategy, seed=seed)).answer
        tally = answer.data["tally"]
        assert isinstance(tally, dict)
        assert (tally["tie"], tally["winner"]) == (["paris", "rome"], answer.value)
        drawn.append(answer.value)
    assert drawn[:16] == drawn[16:]
    assert set(drawn) == {"paris", "rome"}


async def test_the_verifier_scores_each_distinct_answer_once_by_its_first_holders_words() -> None:
    shown: list[str] = []

    def scoring(prompt: str) -> str:
        shown.append(prompt)
        return judging(prompt)

    strategy, _ = seated("verifier_weighted", verifier=Verifier("checker"))
    result = await settle(strategy, scoring)
    assert [re.findall(r"\((\w+) speaks", prompt) for prompt in sorted(shown)] == [["ann"], ["cid"], ["eve"]]
    assert {thought.author for thought in result.thoughts if thought.kind == "verdict"} == {"checker"}
    assert result.answer.value == "rome"


async def test_an_answer_whose_score_cannot_be_read_weighs_nothing() -> None:
    strategy, _ = seated("verifier_weighted")
    result = await settle(strategy, lambda prompt: "Score: high" if "(cid speaks" in prompt else judging(prompt))
    assert scored(result) == {"paris": 0.4, "rome": 0.0, "oslo": 0.6}
    assert result.answer.value == "oslo"
