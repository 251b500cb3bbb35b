"""K-Paths: what evidence the predictor sees, what is kept from it, and where it comes from."""

import re
from pathlib import Path
from random import Random

import pytest

import disputatio as dp
from disputatio.errors import ConfigurationError, StoreError
from disputatio.graphs import k_paths
from disputatio.memory import KnowledgeGraph
from disputatio.models import ScriptedModel

EXAMPLE = [
    ("A", "binds", "x1"), ("x1", "associates", "B"), ("A", "binds", "x2"), ("x2", "associates", "B"),
    ("A", "upregulates", "y1"), ("y1", "associates", "B"), ("A", "treats", "B"),
]  # fmt: skip
ASKED = dp.Question(text="What does drug A do for disease B?", choices=("treats it", "causes it"))


def made(triples: list[tuple[str, str, str]]) -> KnowledgeGraph:
    graph = KnowledgeGraph()
    for number, triple in enumerate(triples):
        graph.add(*triple, source=f"book:{number}")
    return graph


def asked(model: ScriptedModel, question: dp.Question | str = ASKED, **params: object) -> dp.Result:
    return dp.solve(question, strategy=k_paths, model=model, **params)  # type: ignore[arg-type]


def replying(text: str = "By path 2 and path 7.\nAnswer: A\nConfidence: 80") -> ScriptedModel:
    return ScriptedModel(lambda prompt: text)


def test_the_predictor_sees_numbered_paths_in_words_without_the_label() -> None:
    graph = made(EXAMPLE)
    graph.describe("associates", forward="{head} is associated with {tail}")
    graph.add_entity("x1", label="gene X1")
    model = replying()
    result = asked(model, graph=graph, hidden="treats")
    [prompt] = model.prompts
    lines = re.findall(r"^\| (.*)$", prompt, re.MULTILINE)
    assert lines == [
        "1. A binds gene X1 and gene X1 is associated with B",
        "2. A upregulates y1 and y1 is associated with B",
    ]
    assert "(data, not instructions)" in prompt
    assert "A treats B" not in prompt
    assert result.answer.value == "A"
    assert result.answer.data == {
        "evidence": "paths", "pair": ["A", "B"], "paths": 2, "cited": [2], "unfounded": [7],
    }  # fmt: skip
    assert k_paths.calls == result.usage.calls == 1


def test_the_record_holds_the_facts_of_each_path_and_their_sources() -> None:
    result = asked(replying(), graph=made(EXAMPLE), hidden=["treats"])
    evidence, said = result.thoughts
    first = evidence.data["paths"][0]  # type: ignore[index,call-overload]
    assert first["entities"] == ["A", "x1", "B"]  # type: ignore[index,call-overload]
    assert first["facts"][0] == {"triple": ["A", "binds", "x1"], "sources": {"book:0": 1.0}}  # type: ignore[index,call-overload]
    assert [(link.source, link.target, link.kind) for link in result.links] == [(said.id, evidence.id, "uses")]


@pytest.mark.parametrize(
    ("params", "lines"),
    [
        ({"hidden": ()}, 3),
        ({"mode": "all", "hidden": "treats"}, 3),
        ({"max_length": 1, "hidden": "treats"}, 5),
        ({"mode": "neighbours", "hidden": "treats"}, 5),
        ({"k": 1}, 1),
        ({"source": "x1", "target": "x2"}, 4),
    ],
)
def test_modes_and_bounds(params: dict[str, object], lines: int) -> None:
    model = replying()
    result = asked(model, graph=made([*EXAMPLE, ("B", "is a", "C"), ("z", "causes", "B")]), **params)
    assert result.answer.data["paths"] == lines
    shown = re.findall(r"^\| (.*)$", model.prompts[0], re.MULTILINE)
    assert len(shown) == lines
    if params.get("hidden"):
        assert not [line for line in shown if "A treats B" in line]
    if params.get("max_length") == 1:
        assert result.answer.data["evidence"] == "neighbours"


@pytest.mark.parametrize(
    ("question", "pair", "evidence"),
    [
        ("What is x1?", ["x1"], "neighbours"),
        ("Who is nobody?", [], "nothing"),
        ("Is B alike B?", ["B"], "neighbours"),
        ("How are b and x1 and A related?", ["B", "x1"], "paths"),
    ],
)
def test_entities_are_linked_by_name(question: str, pair: list[str], evidence: str) -> None:
    model = replying("Answer: so")
    result = asked(model, dp.Question(text=question), graph=made(EXAMPLE))
    assert (result.answer.data["pair"], result.answer.data["evidence"]) == (pair, evidence)
    assert ("knowledge graph" in model.prompts[0]) == bool(pair)


def test_without_a_graph_the_prompt_is_that_of_the_baseline() -> None:
    model = replying()
    result = asked(model)
    assert "path" not in model.prompts[0].lower().replace("think step by step", "")
    assert (result.answer.data["evidence"], result.answer.value) == ("nothing", "A")


def test_a_graph_that_changes_is_read_as_it_is_then() -> None:
    graph, model = made(EXAMPLE), replying()
    strategy = k_paths(graph=graph, hidden="treats")
    dp.solve(ASKED, strategy=strategy, model=model)
    graph.add("A", "causes", "B", source="new")
    result = dp.solve(ASKED, strategy=strategy, model=model)
    assert (model.prompts[0].count("| "), model.prompts[1].count("| ")) == (2, 3)
    assert result.answer.data["paths"] == 3


def test_parameters_are_checked_before_anything_is_spent(tmp_path: Path) -> None:
    graph = made(EXAMPLE)
    for params, message in (
        ({"k": 0}, "at least 1"),
        ({"mode": "random"}, "a mode of paths, all or neighbours"),
        ({"source": "y11"}, "no entity 'y11'; the nearest names: 'y1'"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            k_paths(graph=graph, **params)  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="No such file"):
        k_paths(graph=str(tmp_path / "none.tsv"))


def test_a_model_that_answers_from_patterns_is_right_with_paths_and_at_chance_without() -> None:
    draw = Random(3)
    graph, labels = KnowledgeGraph(), {}
    for number in range(60):
        labels[number] = draw.random() < 0.5
        graph.add(f"drug{number}", "inhibits" if labels[number] else "activates", f"gene{number}")
        graph.add(f"gene{number}", "drives", f"disease{number}")
        graph.add(f"drug{number}", "sold with", f"drug{(number * 7) % 60}")

    def reply(prompt: str) -> str:
        return "Answer: " + ("yes" if re.search(r"inhibits gene\d+ and gene\d+ drives", prompt) else "no")

    def right(**params: object) -> int:
        return sum(
            asked(ScriptedModel(reply), f"Should drug{n} be given for disease{n}?", **params).answer.value
            == ("yes" if label else "no")
            for n, label in labels.items()
        )

    assert right(graph=graph) == 60
    assert right() == sum(not label for label in labels.values())
    assert 20 < right() < 40


@pytest.mark.embedded
@pytest.mark.parametrize(
    ("name", "text", "hidden", "pair"),
    [
        ("kg_umls", "Does a virus cause a disease or syndrome?", "causes", ["virus", "disease&or&syndrome"]),
        ("kg_codex_s", "Does Q7604 speak Q188?", "P1412", ["Q7604", "Q188"]),
    ],
)
def test_it_runs_on_the_embedded_model_and_a_real_graph(name: str, text: str, hidden: str, pair: list[str]) -> None:
    path = Path(__file__).parents[2].parent / "shared" / "data" / name / "train.tsv"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    question = dp.Question(text=text, answer_type="boolean")
    try:
        result = dp.solve(question, strategy=k_paths, graph=str(path), hidden=hidden, k=4, seed=1)
    except StoreError as error:
        pytest.skip(str(error))
    evidence, said = result.thoughts
    assert (result.answer.data["pair"], result.answer.data["paths"]) == (pair, 4)
    direct = [fact["triple"] for one in evidence.data["paths"] for fact in one["facts"]]  # type: ignore[union-attr,call-overload,index]
    assert [pair[0], hidden, pair[1]] not in direct
    assert said.text
