"""The simulated model as a model: its settings, what it reads in prompts, and when it says the same again."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import disputatio as dp
from disputatio.agents import Critic, Debater, Judge, Solver, Verifier
from disputatio.context import Context
from disputatio.errors import ConfigurationError, ModelUnavailableError, UnsupportedError
from disputatio.graphs import CATALOGUE, best_of, chain_of_thought, debate, self_consistency, sequence
from disputatio.graphs.decisions import RULES
from disputatio.ledger import Ledger
from disputatio.model import Message, Request, ToolSpec
from disputatio.models import SimulatedModel, load_model
from disputatio.models.simulated_prompt import Prompt, read_prompt
from disputatio.question import Question
from disputatio.result import Result
from disputatio.state import State
from disputatio.strategies import Strategy
from disputatio.thought import Thought
from disputatio.tools import calculator

PLAIN = Question(text="How far is it?", answer_type="number")
LINES = "How far?\n\nEnd with these lines:\nAnswer: <a number only>"


def asking(text: str = LINES, **settings: Any) -> Request:
    return Request(messages=[Message(role="user", content=text)], max_tokens=1000, **settings)


def said(agent: Any, question: Question, *thoughts: Thought) -> Prompt:
    """What the model reads in the prompt that an agent really writes, form included."""
    read: list[Prompt] = []

    class Reader(SimulatedModel):
        async def complete(self, request: Request, on_text: Any = None) -> Any:
            read.append(read_prompt(request, self.answers))
            return await super().complete(request, on_text)

    runtime: Any = type("Runtime", (), {"context": Context(models={"default": Reader()}, ledger=Ledger())})
    asyncio.run(agent(State(question=question, thoughts=list(thoughts), round=1), runtime))
    return read[-1]


def claim(author: str, answer: str, role: str = "debater") -> Thought:
    return Thought(author=author, role=role, kind="claim", text=f"Some.\n\nWords.\n\nAnswer: {answer}", answer=answer)


def test_a_string_makes_it_and_names_it() -> None:
    made = load_model("sim:accuracy=0.6, seed=1,popular=.5")
    assert isinstance(made, SimulatedModel)
    assert (made.accuracy, made.seed, made.popular) == (0.6, 1, 0.5)
    assert made.name == "sim:accuracy=0.6,popular=0.5,seed=1"
    assert load_model(made.name) == made
    assert load_model("sim") == load_model("sim:") == SimulatedModel()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("acuracy=1", "did you mean 'accuracy'"),
        ("accuracy=1.2", "accuracy is from 0 to 1, not 1.2"),
        ("accuracy=nan", "accuracy is from 0 to 1"),
        ("accuracy=high", "accuracy is a number, not 'high'"),
        ("seed=1.5", "seed is a whole number"),
        ("seed=1,seed=2", "seed is given twice"),
        ("wrong_answers=0", "wrong_answers is at least 1"),
        ("latency=inf", "latency is at least 0"),
        ("accuracy=0.5,spread=0.5", "no accuracies have mean 0.5"),
        ("answers=x", "unknown property"),
    ],
)
def test_wrong_settings_are_refused(settings: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load_model(f"sim:{settings}")


def test_a_spread_needs_one_accuracy() -> None:
    with pytest.raises(ConfigurationError, match="goes with one accuracy"):
        SimulatedModel(accuracy={"?": 0.5}, spread=0.1)


def test_chances_are_a_distribution_with_the_right_answer_first() -> None:
    uniform = SimulatedModel(accuracy=0.4).chances(PLAIN)
    assert list(uniform.values()) == pytest.approx([0.4, 0.2, 0.2, 0.2])
    popular = SimulatedModel(accuracy=0.4, popular=0.8, wrong_answers=5).chances(PLAIN)
    assert list(popular.values()) == pytest.approx([0.4, 0.48, 0.03, 0.03, 0.03, 0.03])
    assert list(uniform) == list(popular)[:4]
    closed = Question(text="Which?", choices=("a", "b"))
    assert set(SimulatedModel().chances(closed)) == {"A", "B"}
    assert set(SimulatedModel().chances(Question.of("Is it?"))) == {"yes", "no"}


def test_known_questions_have_their_own_answers_and_accuracies() -> None:
    capital = Question(text="The capital?\n\nOf France.")
    model = SimulatedModel(accuracy={capital.text: 0.9}, answers={capital.text: ["Paris", "Lyon"]})
    assert model.chances(capital) == pytest.approx({"paris": 0.9, "lyon": 0.1})
    assert dp.solve(capital, strategy="chain_of_thought", model=model, seed=1).answer.text in ("Paris", "Lyon")
    with pytest.raises(ConfigurationError, match="accuracy for 'Another'"):
        model.chances(Question(text="Another"))
    halves = SimulatedModel(answers={"?": ["1/2", "0.5"]})
    with pytest.raises(ConfigurationError, match="not two or more different ones"):
        halves.chances(Question(text="?", answer_type="number"))


def test_the_truth_does_not_depend_on_the_model() -> None:
    models = [SimulatedModel(seed=seed, accuracy=seed / 10) for seed in range(5)]
    assert len({next(iter(model.chances(PLAIN))) for model in models}) == 1


def test_difficulty_is_spread_as_asked() -> None:
    model = SimulatedModel(accuracy=0.6, spread=0.2)
    drawn = [model.chance(Question(text=str(number))) for number in range(4000)]
    mean = sum(drawn) / len(drawn)
    deviation = (sum((one - mean) ** 2 for one in drawn) / len(drawn)) ** 0.5
    assert mean == pytest.approx(0.6, abs=4 * 0.2 / 4000**0.5)
    assert deviation == pytest.approx(0.2, rel=0.05)


async def test_the_same_request_and_seed_gives_the_same_reply_in_any_order() -> None:
    requests = [asking(f"Question: {n}?\n\n{LINES}", seed=seed) for n in range(4) for seed in range(4)]
    first, second = SimulatedModel(), SimulatedModel()
    forwards = [(await first.complete(one)).text for one in requests]
    backwards = [(await second.complete(one)).text for one in reversed(requests)]
    assert forwards == backwards[::-1]
    assert len(set(forwards)) == len(forwards)
    other = [(await SimulatedModel(seed=1).complete(one)).text for one in requests]
    assert not set(other) & set(forwards)


async def test_without_a_seed_requests_are_samples_and_at_temperature_zero_they_are_not() -> None:
    model, again = SimulatedModel(), SimulatedModel()
    samples = [(await model.complete(asking())).text for _ in range(5)]
    assert len(set(samples)) == 5
    at_once = await again.complete(asking(n=5))
    assert [at_once.text, *at_once.others] == samples
    cold = {(await model.complete(asking(temperature=0.0, seed=seed))).text for seed in (None, 1, 2)}
    assert len(cold) == 1
    assert {*(await model.complete(asking(temperature=0.0, n=3))).others} == cold


async def test_the_budgets_limit_shortens_the_reply_and_changes_nothing_else() -> None:
    whole = await SimulatedModel().complete(asking())
    heard: list[str] = []
    cut = await SimulatedModel().complete(replace(asking(), max_tokens=40), heard.append)
    assert (whole.finish_reason, cut.finish_reason) == ("stop", "length")
    assert whole.text.startswith(cut.text)
    assert heard == [cut.text]
    assert len(cut.text.split()) == 30
    assert cut.usage.completion_tokens == 40
    assert whole.usage.completion_tokens == -(-62 * 4 // 3)  # 60 words of prose, "Answer:" and a number
    assert whole.usage.prompt_tokens == -(-len(LINES.split()) * 4 // 3)
    assert (await SimulatedModel().complete(replace(asking(), max_tokens=1))).text == ""


async def test_what_it_cannot_do_is_refused() -> None:
    tool = ToolSpec(name="clock", description="Tells the time.", parameters={"type": "object"})
    with pytest.raises(UnsupportedError, match="knows no tools"):
        await SimulatedModel().complete(asking(tools=(tool,)))
    with pytest.raises(UnsupportedError, match="knows no logprobs"):
        await SimulatedModel().complete(asking(logprobs=2))


async def test_a_fault_passes() -> None:
    model = SimulatedModel(fault_rate=0.5)
    outcomes = []
    for _ in range(40):
        try:
            outcomes.append((await model.complete(asking(seed=1))).text)
        except ModelUnavailableError:
            outcomes.append("fault")
    assert 8 <= outcomes.count("fault") == model.faults <= 32
    assert len(set(outcomes)) == 2  # the one reply of this seed, and faults


def test_it_reads_what_each_role_is_shown() -> None:
    panel = [claim("debater 1", "3"), claim("debater 10", "4"), claim("debater 1", "5")]
    rebutting = said(Debater("debater 1"), PLAIN, *panel)
    assert dict(rebutting.shown) == {"debater 1": "5", "debater 10": "4"}
    assert (rebutting.reader, rebutting.own, rebutting.judging) == ("debater 1", "5", False)
    assert said(Debater("debater 10", persona="a pilot"), PLAIN, *panel).own == "4"
    assert said(Debater("sceptic", stance="against it"), PLAIN, claim("sceptic", "7")).own == "7"
    assert said(Debater("debater 2"), PLAIN, *panel).own is None
    judging = said(Judge(), PLAIN, *panel)
    assert (judging.judging, judging.own, list(judging.shown.values())) == (True, None, ["5", "4"])
    assert said(Verifier(), PLAIN, *panel).stated == "5"
    assert said(Verifier(), PLAIN, Thought(author="x", role="x", kind="claim", text="y: the answer is 8")).stated == "8"
    assert said(Verifier(), PLAIN, Thought(author="x", role="x", kind="claim", text="Snow is white")).stated is None
    assert list(said(Critic(), PLAIN, *panel).fields) == ["Weakest point", "Another round"]
    assert list(said(Solver(), PLAIN).fields) == ["Answer", "Confidence"]


def test_it_reads_the_question_with_documents_and_choices() -> None:
    asked = Question(text="Which is it?", choices=("a [b] c", "Answer: d"), context=("Paper one.", "Paper two."))
    read = said(Debater("debater 1"), asked, claim("debater 2", "B"))
    assert (read.question.text, read.question.choices) == (asked.text, asked.choices)
    assert dict(read.shown) == {"debater 2": "B"}


def test_a_verdict_is_remembered_and_its_answer_not_given_again() -> None:
    verdict = 'On "debater 1: the answer is 5": Reason: so.\nVerdict: refuted\nScore: 3'
    checked = [claim("debater 1", "5"), claim("debater 2", "6")]
    refuted = Thought(author="verifier", role="verifier", kind="verdict", text=verdict)
    assert said(Judge(), PLAIN, *checked, refuted).refuted == {"5"}
    supported = Thought(
        author="verifier", role="verifier", kind="verdict", text=verdict.replace("refuted", "supported")
    )
    assert said(Judge(), PLAIN, *checked, supported).refuted == frozenset()


QUESTIONS = (
    PLAIN,
    Question.of("Should it be done?"),
    Question(text="Which?", choices=("one", "two", "three")),
    Question(text="What is it called?"),
)
PARTS = [
    *CATALOGUE.values(),
    *(debate(3, rounds=2, decision=rule) for rule in RULES),
    best_of(chain_of_thought, n=3),
    best_of(debate(2, rounds=1), n=2),
    sequence(chain_of_thought, debate(2)),
    chain_of_thought(solver=Solver(tools=[calculator])),
]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.answer_type)
@pytest.mark.parametrize("strategy", PARTS, ids=repr)
def test_every_strategy_gets_forms_that_it_can_read(strategy: Strategy[...], question: Question) -> None:
    if strategy.name == "self_consistency":
        strategy = strategy(samples=5)
    model = SimulatedModel(critic_hit=0.5, critic_alarm=0.5, verifier_hit=0.5, verifier_alarm=0.5)
    result = dp.solve(question, strategy=strategy, model=model, seed=3)
    assert result.answer.value in {*model.chances(question), None}
    assert result.answer.value is not None or result.stop_reason == "undecided"  # by rules with a bar
    spoken = [one for one in result.thoughts if one.model]
    assert spoken
    formless = strategy.name == "reex_sql"  # it writes SQL between marks of its own
    assert [one.text for one in spoken if not (one.data or formless) or one.cut] == []
    tally = result.answer.data.get("tally")
    assert not isinstance(tally, dict) or (tally["abstained"], tally["invalid"]) == (0, 0)


@pytest.mark.parametrize("strategy", [*CATALOGUE.values(), best_of(chain_of_thought)], ids=repr)
def test_unreadable_replies_are_abstentions(strategy: Strategy[...]) -> None:
    result: Result = dp.solve(PLAIN, strategy=strategy, model="sim:unreadable=1")
    assert result.answer.abstained


@given(text=st.text(min_size=1, max_size=200), transcript=st.text(max_size=200), seed=st.integers(0, 9))
def test_no_prompt_breaks_it(text: str, transcript: str, seed: int) -> None:
    prompt = f"Question: {text}\n\n[a] {transcript}\n\n[b] Answer: {text}\n\nEnd with these lines:\nAnswer: <{text}>"
    reply = asyncio.run(SimulatedModel(conformity=0.5).complete(asking(prompt, seed=seed)))
    assert reply.text


async def test_a_schema_of_ones_own_is_filled() -> None:
    schema = {
        "type": "object",
        "properties": {
            "mood": {"enum": ["good", "bad"]},
            "open": {"type": "boolean"},
            "size": {"type": "integer", "minimum": 3, "maximum": 5},
            "reasons": {"type": "array", "items": {"type": "string"}, "minItems": 4},
            "place": {"type": "object", "properties": {"name": {"type": "string"}}},
        },
    }
    filled = json.loads((await SimulatedModel().complete(asking("Fill it.", schema=schema))).text)
    assert filled["mood"] in ("good", "bad")
    assert isinstance(filled["open"], bool)
    assert 3 <= filled["size"] <= 5
    assert len(filled["reasons"]) == 4
    assert isinstance(filled["place"]["name"], str)


def test_samples_without_a_seed_differ() -> None:
    result = dp.solve(PLAIN, strategy=self_consistency(samples=30), model="sim:accuracy=0.5")
    assert len({one.answer for one in result.thoughts}) > 1
