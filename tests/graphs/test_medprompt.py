"""Medprompt: examples of the model's own, the nearest of them, and votes that are mapped back."""

import asyncio
import re
from collections import Counter
from math import sqrt
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disputatio.errors import ConfigurationError, StoreError
from disputatio.graphs import medprompt
from disputatio.graphs.run import prepare, run
from disputatio.graphs.strategies.medprompt import permutations, unshuffled
from disputatio.graphs.strategies.medprompt_examples import Example, nearest, read_examples, with_chains
from disputatio.memory.bag_of_words import bag_of_words
from disputatio.models import ScriptedModel
from disputatio.question import Question
from disputatio.result import Result

VITAMIN = Question(text="Which vitamin prevents scurvy?", choices=("A", "B12", "C", "D"))
SIGNS = Question(text="Which sign is typical?", choices=("rash", "fever", "cough", "pain"))


def shown(prompt: str) -> list[str]:
    """The choices as a prompt puts them."""
    return re.findall(r"^[A-D]\) (.*)$", prompt.partition("Example 1")[0], re.MULTILINE)


async def asked(question: Question, reply: Any, **params: Any) -> tuple[Result, ScriptedModel]:
    model = ScriptedModel(reply)
    return await run(question, medprompt(**params), prepare(model=model, seed=1)), model


def votes_of(result: Result) -> Counter[str]:
    return Counter(one["answer"] for one in result.answer.data["votes"])  # type: ignore[union-attr, index, call-overload, misc]


def test_the_orders_of_the_authors_code_and_rotations() -> None:
    assert permutations(4, 5) == [(0, 1, 2, 3), (1, 0, 3, 2), (1, 3, 0, 2), (3, 1, 2, 0), (3, 2, 1, 0)]
    assert permutations(4, 4) == [(0, 1, 2, 3), (1, 2, 3, 0), (2, 3, 0, 1), (3, 0, 1, 2)]
    assert permutations(2, 5) == [(0, 1), (1, 0), (0, 1), (1, 0), (0, 1)]  # no order twice in a row
    assert unshuffled("C", SIGNS, (1, 3, 0, 2)) == "A"


@given(st.integers(2, 8), st.integers(1, 30))
def test_every_order_holds_every_choice_and_no_order_comes_back_early(size: int, count: int) -> None:
    rows = permutations(size, count)
    assert len(rows) == count
    assert all(sorted(row) == list(range(size)) for row in rows)
    if count <= size:
        assert len(set(rows)) == count
    if count % size == 0:
        places = Counter((place, choice) for row in rows for place, choice in enumerate(row))
        assert set(places.values()) == {count // size}


async def test_a_model_that_knows_the_text_wins_whatever_the_order() -> None:
    def knows(prompt: str) -> str:
        return f"Because.\nAnswer: {'ABCD'[shown(prompt).index('cough')]}"

    result, model = await asked(SIGNS, knows)
    assert (result.answer.value, votes_of(result), result.usage.calls) == ("C", {"C": 5}, 5)
    assert all(sorted(shown(prompt)) == sorted(SIGNS.choices) for prompt in model.prompts)
    assert len({tuple(shown(prompt)) for prompt in model.prompts}) == 5
    by_text, _ = await asked(SIGNS, lambda prompt: "Because.\nAnswer: cough")
    assert votes_of(by_text) == {"C": 5}


async def test_a_bias_for_the_first_place_is_spread_or_cancelled() -> None:
    first = "Because.\nAnswer: A"
    result, _ = await asked(SIGNS, lambda prompt: first)
    assert (votes_of(result), result.answer.value) == ({"A": 1, "B": 2, "D": 2}, "B")  # the lowest of the tie
    assert result.answer.data["tally"]["tie"] == ["B", "D"]  # type: ignore[index, call-overload]
    even, _ = await asked(SIGNS, lambda prompt: first, ensemble=4)
    assert votes_of(even) == {"A": 1, "B": 1, "C": 1, "D": 1}
    plain, _ = await asked(SIGNS, lambda prompt: first, shuffle=False)
    assert votes_of(plain) == {"A": 5}


async def test_choices_that_name_others_stay_in_their_places() -> None:
    for last in ("all of the above", "None of these", "A and B"):
        result, model = await asked(SIGNS.model_copy(update={"choices": ("a", "b", "c", last)}), lambda _: "Answer: A")
        assert votes_of(result) == {"A": 5}
        assert {tuple(shown(prompt)) for prompt in model.prompts} == {("a", "b", "c", last)}


async def test_members_that_cannot_be_read_abstain() -> None:
    result, _ = await asked(SIGNS, lambda prompt: "Answer: " + ("A" if shown(prompt)[0] == "rash" else "E"))
    assert (votes_of(result), result.answer.value) == ({"A": 1, None: 4}, "A")
    nobody, _ = await asked(SIGNS, lambda prompt: "I cannot tell.")
    assert (nobody.answer.value, nobody.stop_reason) == (None, "undecided")


async def test_a_free_question_is_voted_on_without_shuffling() -> None:
    result, _ = await asked(Question(text="How many?", answer_type="number"), lambda prompt: "Answer: 1/2")
    assert (result.answer.value, result.answer.text) == ("1/2", "1/2")


async def test_only_chains_that_lead_to_the_known_answer_are_kept() -> None:
    known = [Example(question=SIGNS.model_copy(update={"text": f"Case {n}?"}), answer=a) for n, a in enumerate("BCA")]
    said = {"Case 0?": "B", "Case 1?": "D", "Case 2?": "A"}
    model = ScriptedModel(lambda prompt: f"By reasons.\nAnswer: {said[re.findall('Case .[?]', prompt)[0]]}")
    context = prepare(model=model)
    kept = await with_chains(known, context)
    assert [one.answer for one in kept] == ["B", "A"]
    assert all(one.chain.startswith("By reasons.") for one in kept)
    assert context.ledger.total.calls == 3


def test_the_nearest_are_those_of_a_search_by_hand_without_the_question_itself() -> None:
    random = Random(3)
    words = [
        " ".join(random.choices(["fever", "rash", "cough", "pain", "skin", "heart", "lung", "dose"], k=6))
        for _ in range(40)
    ]
    examples = [Example(question=Question(text=text), answer="x", chain="y") for text in words]
    asked = Question(text=words[7])
    texts = [str(asked), *(str(one.question) for one in examples)]
    vectors = dict(zip(texts, bag_of_words(texts), strict=True))

    def cosine(one: str, other: str) -> float:
        a, b = vectors[one], vectors[other]
        return sum(x * y for x, y in zip(a, b, strict=True)) / sqrt(sum(x * x for x in a) * sum(y * y for y in b))

    scored = [(cosine(str(asked), str(one.question)), one) for one in examples]
    best = sorted((score for score, _ in scored if score <= 0.99), reverse=True)[:5]
    found = nearest(asked, examples, 5, bag_of_words)
    assert [cosine(str(asked), str(one.question)) for one in found] == pytest.approx(best)
    assert words[7] not in [one.question.text for one in found]
    assert nearest(asked, examples, 0, bag_of_words) == nearest(asked, [], 5, bag_of_words) == []


async def test_examples_are_shown_with_their_own_choices_in_their_own_order(tmp_path: Path) -> None:
    near = Example(question=VITAMIN, answer="C", chain="Ascorbic acid prevents scurvy.")
    bare = Example(question=VITAMIN, answer="D")
    path = tmp_path / "examples.jsonl"
    path.write_text(near.model_dump_json() + "\n\n" + bare.model_dump_json() + "\n")
    assert read_examples(path) == [near, bare]
    result, model = await asked(
        SIGNS,
        lambda prompt: "Answer: A",
        examples=str(path),
        embed=lambda texts: [[1.0, i] for i, _ in enumerate(texts)],
    )
    assert (result.answer.data["examples"], result.answer.data["nearest_by"]) == (
        1,
        "model",
    )  # one without a chain is none
    for prompt in model.prompts:
        example = prompt.partition("Example 1")[2]
        assert "A) A\nB) B12\nC) C\nD) D\nAscorbic acid prevents scurvy.\nAnswer: C" in example


async def test_wrong_parameters_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="at least 1 member"):
        medprompt(ensemble=0)
    with pytest.raises(StoreError, match="cannot read the examples"):
        medprompt(examples=str(tmp_path / "none.jsonl"))
    (tmp_path / "bad.jsonl").write_text('{"question": "text"}\n')
    with pytest.raises(ConfigurationError, match="line 1 of"):
        medprompt(examples=str(tmp_path / "bad.jsonl"))


async def test_accuracy_does_not_depend_on_where_the_right_choice_stands() -> None:
    """Each call knows with 0.6, else takes the first place; four rotations then win 0.936 to 0.952 of all questions."""
    random = Random(5)

    def sometimes(prompt: str) -> str:
        found = shown(prompt).index("right") if random.random() < 0.6 else 0
        return f"Answer: {'ABCD'[found]}"

    shares, singles, of_four = [], [], medprompt(ensemble=4)
    for place in range(4):
        choices = tuple("right" if n == place else f"wrong {n}" for n in range(4))
        question, model = Question(text="Which?", choices=choices), ScriptedModel(sometimes)
        told = await asyncio.gather(*(run(question, of_four, prepare(model=model)) for _ in range(80)))
        shares.append(sum(result.answer.value == "ABCD"[place] for result in told) / 80)
        singles += [vote == "ABCD"[place] for result in told for vote in votes_of(result).elements()]
    assert abs(sum(singles) / len(singles) - 0.70) < 4 * (0.7 * 0.3 / len(singles)) ** 0.5
    assert all(abs(share - 0.945) < 4 * (0.945 * 0.055 / 80) ** 0.5 + 0.01 for share in shares)
