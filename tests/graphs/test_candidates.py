"""Candidates: the rows that published methods export, from whole runs of their strategies."""

import json
from pathlib import Path
from typing import Any

import pytest

from disputatio.agents import Proposer
from disputatio.graphs import aidsafe_deliberation, best_of, chain_of_thought, critique_in_the_loop, tree_plv_search
from disputatio.graphs.candidates import (
    conclusions,
    critic_steps,
    deliberations,
    drafts,
    exact,
    rollout_steps,
    siblings,
)
from disputatio.graphs.export import export
from disputatio.graphs.run import prepare, run
from disputatio.graphs.strategies.tree_plv_search import preferences
from disputatio.graphs.training_rows import (
    Kind,
    preference,
    prompt_completion,
    stepwise_supervision,
    unpaired_preference,
)
from disputatio.models import ScriptedModel
from disputatio.question import Question
from disputatio.result import Result
from disputatio.thought import Answer, Link, Thought

SUM = Question(text="What is (4 + 4) * 3?", answer_type="number", id="sum")
SHOULD = Question(text="Should the letter be sent?", answer_type="boolean", id="letter")


def rows_of(folder: Path, kind: Kind, *results: Result) -> tuple[list[dict[str, Any]], dict[str, int]]:
    manifest = export(results, folder, [kind], conversational=False)
    lines = (folder / f"{kind.type}-train.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines], manifest.types[kind.type].dropped


async def deliberated(turns: list[str]) -> Result:
    left = iter(turns)

    def reply(prompt: str) -> str:
        if "Intents: <" in prompt:
            return "Intents:\n1. benign: to be understood"
        if "Dropped: <" in prompt:
            return "Dropped:\n1. 2, redundant: it repeats the first\nAnswer: yes"
        if "Agree: <" in prompt:
            return next(left)
        return "Thoughts:\n1. policy 1: it is short\nAnswer: no"

    strategy = aidsafe_deliberation(policies=("Short: no long sentence.", "Kind: never blame."))
    return await run(SHOULD, strategy, prepare(model=ScriptedModel(reply)))


MORE = "Agree: no\nNew thoughts:\n1. policy 1: it is brief\n2. policy 2: it blames nobody\nAnswer: yes"
AGREE = "Agree: yes\nNew thoughts: none\nAnswer: yes"


async def test_a_deliberation_gives_the_kept_chain_and_a_preference_over_the_seed(tmp_path: Path) -> None:
    result = await deliberated([MORE, AGREE])
    prompt = "Question: Should the letter be sent?\n\n"
    kept = "1. policy 1: it is short\n2. policy 2: it blames nobody\n\nAnswer: yes"
    rows, _ = rows_of(tmp_path, prompt_completion(deliberations()), result)
    assert rows == [{"prompt": prompt, "completion": kept}]
    rows, _ = rows_of(tmp_path, preference(deliberations()), result)
    assert rows == [{"prompt": prompt, "chosen": kept, "rejected": "1. policy 1: it is short\n\nAnswer: no"}]
    right = exact({"letter": "no"})
    assert rows_of(tmp_path, preference(deliberations(right)), result) == ([], {"margin too small": 1})


async def test_a_seed_that_nobody_doubted_is_no_rejected_sample(tmp_path: Path) -> None:
    result = await deliberated([AGREE])
    assert rows_of(tmp_path, preference(deliberations()), result) == ([], {"only one completion": 1})


def tree_model(rollouts: dict[str, list[str]]) -> ScriptedModel:
    """Proposes steps by their place, and finishes solutions from a step as listed."""
    left = {step: iter(answers) for step, answers in rollouts.items()}

    def reply(prompt: str) -> str:
        steps = [step for step in rollouts if f". {step}\n" in prompt]
        if "finish the solution" in prompt:
            return f"So.\nAnswer: {next(left[steps[-1]], 25)}"
        depth = len(steps)
        return f"{list(rollouts)[depth]}\nAnswer: none"

    return ScriptedModel(reply)


async def test_labels_by_rollouts_are_cut_after_the_first_false_step(tmp_path: Path) -> None:
    # Of 4 rollouts 3, 2 and 0 come to the goal: right, right, wrong, after 12 rollouts.
    model = tree_model(
        {
            "4 + 4 is 8": ["24", "24", "24", "8"],
            "8 times 3 follows": ["24", "24", "8", "8"],
            "that is 25": ["25"] * 4,
            "never": [],
        }
    )
    strategy = tree_plv_search(expansions=3, children=1, rollouts=4, target="24", proposer=Proposer(temperature=0.7))
    result = await run(SUM, strategy, prepare(model=model))
    assert sum("rollout" in one.author for one in result.thoughts) == 12
    rows, dropped = rows_of(tmp_path, stepwise_supervision(rollout_steps), result)
    assert rows == [
        {
            "prompt": "Question: What is (4 + 4) * 3?",
            "completions": ["4 + 4 is 8", "8 times 3 follows", "that is 25"],
            "labels": [True, True, False],
        }
    ]
    assert dropped == {}
    assert rows_of(tmp_path, unpaired_preference(drafts(exact({"sum": "24"}))), result)[0] == []


def tree_of(values: list[float], *, prefix: str = "Begin.") -> Result:
    """A tree of one step and its children with these values."""
    root = Thought(id="root", author="proposer 1", role="solver", kind="claim", text=f"{prefix}\nAnswer: none")
    children = [
        Thought(id=f"c{n}", author="proposer", role="solver", kind="claim", text=f"Step {n}.\nAnswer: none")
        for n in range(len(values))
    ]
    report = {"values": {"root": 0.5} | {f"c{n}": value for n, value in enumerate(values)}}
    return Result(
        run_id="r",
        question=SUM,
        strategy="tree",
        answer=Answer(data=report),  # type: ignore[arg-type]
        thoughts=(root, *children),
        links=tuple(Link(source=one.id, target="root", kind="refines") for one in children),
    )


@pytest.mark.parametrize(("gap", "pairs"), [(3 / 8, 4), (0.5, 2)])
def test_siblings_make_the_pairs_of_the_paper(tmp_path: Path, gap: float, pairs: int) -> None:
    result = tree_of([6 / 8, 3 / 8, 2 / 8, 6 / 8])
    rows, _ = rows_of(tmp_path, preference(siblings, margin=gap, most=None), result)
    assert len(rows) == pairs
    prompt = "Question: What is (4 + 4) * 3?\n\nSteps so far:\n1. Begin.\n\n"
    theirs = {(prompt, one.better, one.worse) for one in preferences(result, gap=gap)}
    assert {(row["prompt"], row["chosen"], row["rejected"]) for row in rows} == theirs


async def test_the_pairs_of_a_real_search_are_those_of_the_strategy(tmp_path: Path) -> None:
    count = iter(range(10_000))

    def reply(prompt: str) -> str:
        number = next(count)
        if "finish the solution" in prompt:
            return f"So.\nAnswer: {24 if number % 3 else 25}"
        return f"Step {number}.\nAnswer: {24 if number % 11 == 0 else 'none'}"

    result = await run(SUM, tree_plv_search(expansions=5, target="24"), prepare(model=ScriptedModel(reply)))
    rows, _ = rows_of(tmp_path, preference(siblings, margin=0.125, most=None), result)
    theirs = preferences(result, gap=0.125)
    assert len(rows) == len(theirs) > 0
    chosen = sorted(row["chosen"].partition("\nAnswer")[0] for row in rows)
    assert chosen == sorted(one.better for one in theirs)


WRONG = "4 + 4 is 8\n8 times 3 is 25\nso it is 25"
RIGHT = "4 + 4 is 8\n8 times 3 is 24\nso it is 24"


async def criticised(steps: str, verdict: str = "refuted") -> Result:
    def reply(prompt: str) -> str:
        if "You check the solution" in prompt:
            return f"Steps:\n{steps}\nReason: so.\nVerdict: {verdict}"
        return f"{RIGHT}\nAnswer: 24" if "critique of it" in prompt else f"{WRONG}\nAnswer: 25"

    return await run(SUM, critique_in_the_loop(), prepare(model=ScriptedModel(reply)))


async def test_a_critic_labels_steps_and_a_revision_is_better_than_its_draft(tmp_path: Path) -> None:
    result = await criticised("1. 4 + 4: correct, so\n2. 25: wrong, the right one is 24\n3. 25: wrong")
    rows, dropped = rows_of(tmp_path, stepwise_supervision(critic_steps), result)
    assert rows == [
        {
            "prompt": "Question: What is (4 + 4) * 3?",
            "completions": WRONG.splitlines()[:2],
            "labels": [True, False],
        }
    ]
    assert dropped == {}
    rows, _ = rows_of(tmp_path, preference(drafts(exact({"sum": "24"}))), result)
    assert rows == [
        {
            "prompt": "Question: What is (4 + 4) * 3?\n\n",
            "chosen": f"{RIGHT}\n\nAnswer: 24",
            "rejected": f"{WRONG}\n\nAnswer: 25",
        }
    ]
    rows, _ = rows_of(tmp_path, prompt_completion(conclusions(exact({"sum": "24"}))), result)
    assert [row["completion"] for row in rows] == [f"{RIGHT}\n\nAnswer: 24"]


@pytest.mark.parametrize(
    ("steps", "verdict", "labels", "reason"),
    [
        ("1. a: correct\n2. b: correct\n3. c: wrong\n", "refuted", [True, True, False], ""),
        ("1. a: correct\n2. b: wrong\n3. c: correct\n", "supported", [True, False], ""),  # right by a wrong way
        ("1. a: correct\n2. b: correct\n3. c: correct\n", "supported", [True] * 3, ""),
        ("1. a: correct\n2. b: correct\n3. c: correct\n", "refuted", [], "right steps to an answer that is not"),
        ("1. a: correct\n2. b: correct\n", "refuted", [], "a step without a verdict"),
        ("1. a: correct\n2. b: perhaps\n3. c: wrong\n", "refuted", [], "a step without a verdict"),
        ("1. a: correct\n2. turn right: wrong\n3. c: wrong\n", "refuted", [], "a step without a verdict"),
        ("", "refuted", [], "a step without a verdict"),
    ],
)
async def test_labels_are_the_critics_and_never_those_of_the_outcome(
    tmp_path: Path, steps: str, verdict: str, labels: list[bool], reason: str
) -> None:
    rows, dropped = rows_of(tmp_path, stepwise_supervision(critic_steps), await criticised(steps, verdict))
    assert [row["labels"] for row in rows] == ([labels] if labels else [])
    assert all(len(row["completions"]) == len(row["labels"]) for row in rows)
    assert dropped == ({reason: 1} if reason else {})


async def test_candidates_that_a_verifier_scored_are_ranked_by_its_rulings(tmp_path: Path) -> None:
    answers = iter(["24", "25"])

    def reply(prompt: str) -> str:
        if "You check facts" in prompt:
            return f"Reason: so.\nVerdict: {'supported' if 'Answer: 24' in prompt else 'refuted'}\nScore: 90"
        answer = next(answers)
        return f"It is {answer}.\nAnswer: {answer}"

    result = await run(SUM, best_of(chain_of_thought, n=2), prepare(model=ScriptedModel(reply), at_once=1))
    rows, _ = rows_of(tmp_path, preference(drafts(roles=("strategy",))), result)
    assert [(row["chosen"], row["rejected"]) for row in rows] == [
        ("It is 24.\n\nAnswer: 24", "It is 25.\n\nAnswer: 25")
    ]


async def test_an_answer_that_rests_on_a_tool_is_not_taught_without_it(tmp_path: Path) -> None:
    tool = Thought(id="o", author="calculator", role="tool", kind="observation", text="24")
    said = Thought(id="s", author="solver", role="solver", kind="claim", text="It is 24.", answer="24")
    verdict = Thought(id="v", author="v", role="verifier", kind="verdict", text="So.", data={"verdict": "supported"})
    links = [Link(source="s", target="o", kind="uses"), Link(source="v", target="s", kind="verifies")]
    answer = Answer(text="24", value="24", rationale="It is 24.")
    used = Result(run_id="r", question=SUM, strategy="s", answer=answer, thoughts=(tool, said, verdict), links=links)
    for source in (drafts(), conclusions()):
        assert rows_of(tmp_path, prompt_completion(source), used)[1] == {"rests on what a tool returned": 1}
    checked = used.model_copy(update={"links": (Link(source="v", target="o", kind="uses"), links[1])})
    for source in (drafts(), conclusions()):
        assert len(rows_of(tmp_path, prompt_completion(source), checked)[0]) == 1


def test_hostile_records_make_candidates_without_rows(tmp_path: Path) -> None:
    def result(data: dict[str, Any], *thoughts: Thought) -> Result:
        return Result(run_id="r", question=SUM, strategy="s", answer=Answer(data=data), thoughts=thoughts)

    odd = [
        result({"values": {"gone": 0.5, "x": "high"}, "chain": "none"}),
        result({"values": [1], "chain": [1, None]}),
        tree_of([float("nan"), float("inf"), -1.0]),
    ]
    for kind in (
        preference(siblings),
        stepwise_supervision(rollout_steps),
        stepwise_supervision(critic_steps),
        prompt_completion(deliberations()),
        prompt_completion(conclusions()),
    ):
        rows, _ = rows_of(tmp_path, kind, *odd[:2])
        assert rows == []
    rows, dropped = rows_of(tmp_path, preference(siblings), odd[2])
    assert (rows, dropped) == ([], {"only one completion": 2, "no value": 2})
