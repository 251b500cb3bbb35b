"""A disputation from the points at issue to the replies: who is told what, and what ends it."""

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest

from disputatio.agents import Debater, Verifier
from disputatio.errors import ConfigurationError
from disputatio.graphs import disputation
from disputatio.graphs.run import prepare, run
from disputatio.models import ScriptedModel
from disputatio.question import Question
from disputatio.result import Result
from disputatio.strategies import Strategy
from disputatio.thought import struck
from disputatio.tools import calculator

POINTS = "Points:\n1. Who pays for it?\n2. Who gains by it?"
MOTION = Question(text="Cars should leave the city.", answer_type="boolean")
CLAIMS = "Claims:\n1. pro: 17 plus 4 makes 22\n2. con: shops need customers\n3. pro: air is thin up there"


def say(text: str) -> ScriptedModel:
    return ScriptedModel(lambda prompt: text)


def counted(author: str, answer: str, disputes: str = "none") -> ScriptedModel:
    """A debater whose words tell who speaks and how often it has spoken."""

    def reply(prompt: str) -> str:
        return f"<{author} {len(model.requests)}>\nAnswer: {answer}\nConfidence: 70\nDisputes: {disputes}"

    model = ScriptedModel(reply)
    return model


def ruling(prompt: str) -> str:
    """Refutes what is said of sums, supports what is said of shops, and cannot be read on the rest."""
    claim = re.findall(r"17 plus 4|shops|air", prompt)[-1]
    verdicts = {
        "17 plus 4": "Reason: it makes 21\nVerdict: refuted\nScore: 1",
        "shops": "Reason: they live by them\nVerdict: supported\nScore: 90",
    }
    return verdicts.get(claim, "Who knows?")


def judging(prompt: str) -> str:
    if "Replies: <" in prompt:
        return "Replies:\n1. The sum was wrong.\n2. Doubt is no reason."
    return "Shops decide it.\nAnswer: no\nConfidence: 65\nUpholds: con"


def cast(**changed: ScriptedModel) -> dict[str, ScriptedModel]:
    """The models of all roles; those of the debaters go by their names."""
    return {
        "planner": say(POINTS),
        "pro": counted("pro", "yes", "con"),
        "con": counted("con", "no", "pro"),
        "mid": counted("mid", "yes"),
        "claim extractor": say(CLAIMS),
        "verifier": ScriptedModel(ruling),
        "critic": say("Weakest point: nobody named a figure\nAnother round: yes"),
        "judge": ScriptedModel(judging),
        **changed,
    }


def made(**params: object) -> Strategy[...]:
    panel = [Debater(name, stance=f"for {name}") for name in ("con", "mid", "pro")]
    return disputation(panel, **params)  # type: ignore[arg-type]


async def held(strategy: Strategy[...], models: Mapping[str, ScriptedModel]) -> Result:
    return await run(MOTION, strategy, prepare(model=say("unused"), models=models))


def said(prompt: str) -> list[str]:
    return re.findall(r"<(\w+ \d)>", prompt)


async def test_the_points_at_issue_reach_everybody_and_openings_are_independent() -> None:
    models = cast()
    await held(made(), models)
    assert POINTS.splitlines()[1] not in models["planner"].prompts[0]
    for role in ("pro", "con", "mid", "critic", "judge"):
        assert "Who pays for it?" in models[role].prompts[0]
        assert "Who gains by it?" in models[role].prompts[0]
    for name in ("con", "mid", "pro"):
        opening, rebuttal = models[name].prompts
        assert said(opening) == []
        assert said(rebuttal) == ["con 1", "mid 1", "pro 1"]
        assert f"for {name}" in opening


async def test_the_order_of_a_disputation() -> None:
    models = cast()
    strategy = made()
    result = await held(strategy, models)
    order = [
        thought.role
        for thought in result.thoughts
        if not (thought.role == "claim extractor" and thought.kind == "claim")
    ]
    one_round = ["debater"] * 3 + ["claim extractor"] + ["verifier"] * 3
    assert order == ["planner", *one_round, "critic", *one_round, "judge", "judge"]
    assert [thought.round for thought in result.thoughts if thought.role == "debater"] == [1, 1, 1, 2, 2, 2]
    assert result.usage.calls == len(order) == strategy.calls


async def test_a_refuted_claim_is_struck_and_its_author_is_shown_why() -> None:
    models = cast()
    result = await held(made(), models)
    by_id = {thought.id: thought for thought in result.thoughts}
    refuted = [by_id[one] for one in struck(result.thoughts, result.links)]
    assert {(one.kind, one.data["speaker"]) for one in refuted} == {("claim", "pro")}
    assert all("17 plus 4 makes 22" in one.text for one in refuted)
    kinds = {(link.kind, by_id[link.target].text) for link in result.links if by_id[link.source].kind == "verdict"}
    assert {kind for kind, text in kinds if "17 plus 4" in text} == {"attacks"}
    assert {kind for kind, text in kinds if "shops" in text} == {"verifies"}
    assert {kind for kind, text in kinds if "air" in text} == {"uses"}
    statements = {by_id[link.target].author for link in result.links if by_id[link.source] in refuted}
    assert statements == {"pro"}
    for name in ("con", "mid", "pro"):
        opening, rebuttal = models[name].prompts
        assert "it makes 21" not in opening
        assert re.search(r"17 plus 4 makes 22.*it makes 21", rebuttal, re.DOTALL)
    assert "it makes 21" in models["judge"].prompts[0]


@pytest.mark.parametrize("claims", [1, 2, 3])
async def test_at_most_so_many_claims_are_checked_in_a_round(claims: int) -> None:
    listed = "\n".join(CLAIMS.splitlines()[: claims + 1])
    models = cast(**{"claim extractor": say(listed)})
    strategy = made(claims=claims)
    result = await held(strategy, models)
    assert len(models["verifier"].requests) == 2 * claims
    assert result.usage.calls == strategy.calls
    extracting = models["claim extractor"].prompts
    assert [said(prompt) for prompt in extracting] == [
        [f"{name} {n}" for name in ("con", "mid", "pro")] for n in (1, 2)
    ]


async def test_of_more_claims_than_allowed_the_first_are_checked() -> None:
    models = cast()
    await held(made(claims=2, rounds=1), models)
    shown = [re.findall(r"17 plus 4|shops|air", prompt) for prompt in models["verifier"].prompts]
    assert sorted(shown) == [["17 plus 4"], ["shops"]]


async def test_a_check_sees_one_claim_and_nothing_else() -> None:
    models = cast()
    await held(made(rounds=1), models)
    shown = [re.findall(r"17 plus 4|shops|air", prompt) for prompt in models["verifier"].prompts]
    assert sorted(shown) == [["17 plus 4"], ["air"], ["shops"]]
    assert not any(said(prompt) for prompt in models["verifier"].prompts)


async def test_without_claims_nothing_is_extracted_or_checked() -> None:
    models = cast()
    strategy = made(claims=0)
    result = await held(strategy, models)
    assert (models["claim extractor"].requests, models["verifier"].requests) == ([], [])
    assert result.usage.calls == strategy.calls == 1 + 2 * 3 + 1 + 2


@pytest.mark.parametrize(("another", "rounds"), [("yes", 4), ("no", 1), ("", 4), ("perhaps", 4)])
async def test_only_a_critic_who_says_no_ends_it_early(another: str, rounds: int) -> None:
    models = cast(critic=say(f"Weakest point: none\nAnother round: {another}"))
    await held(made(rounds=4, claims=0), models)
    assert len(models["pro"].requests) == rounds
    assert len(models["critic"].requests) == min(rounds, 3)


async def test_the_critics_word_is_in_the_next_prompts() -> None:
    models = cast()
    await held(made(claims=0), models)
    for name in ("con", "mid", "pro"):
        assert ["nobody named a figure" in prompt for prompt in models[name].prompts] == [False, True]


async def test_the_article_has_all_its_parts() -> None:
    models = cast()
    result = await held(made(), models)
    answer = result.answer
    article = answer.data["determination"]
    assert isinstance(article, dict)
    assert (answer.value, answer.confidence, answer.stop_reason) == ("no", 0.65, "finished")
    objections = [("mid", "<mid 2>"), ("pro", "<pro 2>")]
    assert [(one["author"], one["text"].split("\n")[0]) for one in article["objections"]] == objections  # type: ignore[index,union-attr]
    assert [one["author"] for one in article["on_the_contrary"]] == ["con"]  # type: ignore[index,union-attr]
    assert "Shops decide it." in str(article["determination"])
    assert article["replies"] == ["The sum was wrong.", "Doubt is no reason."]
    assert [re.findall(r"\((\w+)\)", str(one)) for one in article["dissent"]] == [["mid"], ["pro"]]  # type: ignore[union-attr]
    verdicts = [(one["verdict"], one["speaker"]) for one in article["verified"]]  # type: ignore[index,union-attr]
    assert verdicts == [("refuted", "pro"), ("supported", "con"), ("undecided", "pro")] * 2
    headings = re.findall(r"^## (.+)$", answer.rationale, re.MULTILINE)
    assert [heading.split()[0] for heading in headings] == [
        "Question", "Objections", "On", "Determination", "Replies", "Dissent", "What"
    ]  # fmt: skip


async def test_the_judge_replies_to_each_objection_by_its_number() -> None:
    models = cast()
    result = await held(made(), models)
    deciding, replying = models["judge"].prompts
    assert said(deciding) == [f"{name} {n}" for n in (1, 2) for name in ("con", "mid", "pro")]
    numbered = re.findall(r"^(\d)\. (\w+): <(\w+ \d)>", replying, re.MULTILINE)
    assert numbered == [("1", "mid", "mid 2"), ("2", "pro", "pro 2")]
    by_id = {thought.id: thought for thought in result.thoughts}
    answered = [
        (by_id[link.source].author, by_id[link.target].author) for link in result.links if link.kind == "answers"
    ]
    assert answered == [("judge", "mid"), ("judge", "pro")]


async def test_where_all_agree_there_is_nothing_to_reply_to() -> None:
    models = cast(pro=counted("pro", "no"), mid=counted("mid", "no"))
    result = await held(made(), models)
    assert (len(models["judge"].requests), result.answer.dissent) == (1, ())


async def test_where_the_judge_cannot_be_read_the_debaters_positions_decide() -> None:
    models = cast(judge=say("Both sides have a point."))
    result = await held(made(), models)
    assert (result.answer.value, result.answer.stop_reason) == ("yes", "finished")
    assert result.answer.dissent == ("no (con)",)
    assert len(models["judge"].requests) == 1


async def test_a_verifier_with_a_tool_uses_it() -> None:
    def checking(prompt: str) -> str:
        if "Use: <" in prompt:
            return '{"use": {"tool": "calculator", "arguments": {"expression": "17 + 4"}}}'
        found = re.findall(r"\[calculator\(17 \+ 4\)\]\s*(\S+)", prompt)
        return f"Reason: the calculator says {found}\nVerdict: refuted\nScore: 0"

    models = cast(verifier=ScriptedModel(checking))
    strategy = made(rounds=1, claims=1, verifier=replace(Verifier(tools=[calculator]), tool_steps=1))
    models["claim extractor"] = say("Claims: pro: 17 plus 4 makes 22")
    result = await held(strategy, models)
    [observation] = [thought for thought in result.thoughts if thought.role == "tool"]
    assert (observation.text, observation.data["failed"]) == ("21", False)
    [verdict] = [thought for thought in result.thoughts if thought.kind == "verdict"]
    assert "the calculator says ['21']" in verdict.text
    assert {link.target for link in result.links if link.source == verdict.id and link.kind == "uses"} == {
        observation.id
    }
    article = result.answer.data["determination"]
    assert isinstance(article, dict)
    assert [one["by"] for one in article["verified"]] == ["calculator"]  # type: ignore[index,union-attr]
    assert result.usage.calls == strategy.calls


async def test_debaters_are_made_with_different_stances() -> None:
    strategy = disputation(5)
    names = [name for name in strategy.graph().nodes if name not in ("planner", "extract", "check", "critic", "judge")]
    assert len(set(names)) == 5
    model = ScriptedModel(lambda prompt: "hm")
    await run(MOTION, strategy(rounds=1), prepare(model=model))
    openings = model.prompts[1:6]
    assert len(set(openings)) == 5


TAKEN = ("critic", "planner", "verifier", "judge", "claim extractor", "extract", "check")
WRONG = [{"rounds": 0}, {"claims": -1}, {"debaters": 0}, *({"debaters": [Debater(name)]} for name in TAKEN)]


@pytest.mark.parametrize("wrong", WRONG)
def test_parameters_are_checked_before_any_call(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=r"at least 1|negative|names of their own"):
        disputation(**wrong)  # type: ignore[arg-type]
