"""ChatRule: calls counted, what each is shown, which rules are kept, and what they predict."""

import re
from pathlib import Path

import pytest

import disputatio as dp
from disputatio.errors import ConfigurationError, StoreError
from disputatio.graphs import chatrule
from disputatio.memory import KnowledgeGraph
from disputatio.models import ScriptedModel

pytest.importorskip("scipy", reason="scipy is not installed")
ASKED = "Who is an uncle of whom, for u9?"


def family() -> KnowledgeGraph:
    graph = KnowledgeGraph()
    for n in range(12):
        graph.add(f"u{n}", "brother", f"f{n}")
        graph.add(f"f{n}", "father", f"c{n}")
        graph.add(f"m{n}", "mother", f"c{n}")
        graph.add(f"f{n}", "husband", f"m{n}")
        if n < 8:
            graph.add(f"u{n}", "uncle", f"c{n}")
    return graph


RULES = """\
1. uncle(X, Y) <- brother(X, Z) & father(Z, Y)
2. uncle(X, Y) <- brother(X, Z) & husband(Z, W) & mother(W, Y)
3. uncle(X, Y) <- mother(X, Y)
4. uncle(X, Y) <- loves(X, Y)"""


class Office:
    """Proposes rules by head; finds those incorrect that hold certain words."""

    def __init__(self, rules: dict[str, str], unsound: str = "\0") -> None:
        self.rules, self.unsound = rules, unsound
        self.proposed: list[str] = []
        self.judged: list[str] = []

    def __call__(self, prompt: str) -> str:
        head = re.search(r"^The relation to conclude: (.*)$", prompt, re.MULTILINE)
        if head:
            self.proposed.append(prompt)
            return f"Rules:\n{self.rules[head[1]]}"
        self.judged.append(prompt)
        return f"So.\nVerdict: {'incorrect' if self.unsound in prompt else 'correct'}"


def mined(office: Office, **params: object) -> dp.Result:
    strategy = chatrule(family(), **params)  # type: ignore[arg-type]
    return dp.solve(ASKED, strategy=strategy, model=ScriptedModel(office), seed=1)


def test_rules_are_proposed_scored_judged_and_applied() -> None:
    office = Office({"uncle": RULES})
    result = mined(office, relations="uncle", entity="u9")
    assert (len(office.proposed), len(office.judged)) == (3, 2), "equal rules are one; those without support are none"
    assert result.answer.text == "c9"
    first, second = result.answer.data["rules"]  # type: ignore[misc]
    assert first["rule"] == "uncle(X, Y) <- brother(X, Z1) & father(Z1, Y)"  # type: ignore[index,call-overload]
    assert (first["support"], first["coverage"], first["pca"]) == (8, 1.0, 1.0)  # type: ignore[index,call-overload]
    assert first["confidence"] == second["confidence"] == 8 / 12  # type: ignore[index,call-overload]
    assert first["example"] == ["u0", "uncle", "c0"]  # type: ignore[index,call-overload]
    assert result.answer.data["candidates"] == {"c9": 2.0}
    assert result.answer.data["query"] == ["u9", "uncle", "?"]
    reasons = " ".join(map(str, result.answer.data["refused"]))  # type: ignore[arg-type]
    assert "there is no relation 'loves'" in reasons
    assert "mother(X, Y): it has no support" in reasons


def test_two_relations_cost_their_generations_and_one_call_a_surviving_rule() -> None:
    rules = {
        "uncle": RULES + "\nuncle(X,Y) <- brother(X,Z) & husband(Z,W) & mother(W,Y)\nuncle(X,Y) <- uncle(X,Y)",
        "husband": "husband(X,Y) <- father(X,Z) & mother(Y,Z)",
    }
    office = Office(rules)
    strategy = chatrule(family(), relations=["uncle", "husband"], most=4)
    result = dp.solve(ASKED, strategy=strategy, model=ScriptedModel(office))
    assert (len(office.proposed), len(office.judged)) == (6, 3)
    assert result.usage.calls == 9 <= strategy.calls == 2 * (3 + 4)
    assert chatrule(family(), relations="uncle", validate=False).calls == 3


def test_proposers_see_sequences_and_relations_and_neither_facts_nor_scores() -> None:
    office = Office({"uncle": RULES})
    mined(office, relations="uncle", shown=2)
    for prompt in office.proposed:
        shown = re.findall(r"^- (.*)$", prompt, re.MULTILINE)
        assert 1 <= len(shown) <= 2
        assert set(shown) <= {"brother & father", "brother & husband & mother"}
        assert "Relations of the graph: brother, father, husband, mother, uncle" in prompt
        assert not re.search(r"\b[cfm]\d", prompt)
    assert any("If X brother Z1 and Z1 father Y, then X uncle Y." in prompt for prompt in office.judged)
    assert not any(re.search(r"support|coverage|confidence|pca|0\.\d", prompt) for prompt in office.judged)
    assert not any("Rules:" in prompt for prompt in office.judged), "a judge sees no proposer"


def test_a_judge_throws_rules_out_and_validation_can_be_left_out() -> None:
    office = Office({"uncle": RULES}, unsound="husband(")
    result = mined(office, relations="uncle", entity="u9")
    assert result.answer.data["unsound"] == ["uncle(X, Y) <- brother(X, Z1) & husband(Z1, Z2) & mother(Z2, Y)"]
    assert result.answer.data["candidates"] == {"c9": 1.0}
    office = Office({"uncle": RULES}, unsound="uncle")
    assert mined(office, relations="uncle", entity="u9").answer.value is None
    office = Office({"uncle": RULES}, unsound="uncle")
    assert mined(office, relations="uncle", entity="u9", validate=False).answer.text == "c9"
    assert not office.judged


def test_relation_and_entity_come_from_the_question_and_heads_can_be_asked_for() -> None:
    assert mined(Office({"uncle": RULES})).answer.text == "c9"
    back = mined(Office({"uncle": RULES}), entity="c10", wanted="head")
    assert (back.answer.text, back.answer.data["query"]) == ("u10", ["?", "uncle", "c10"])
    known = mined(Office({"uncle": RULES}), entity="u3")
    assert (known.answer.value, known.answer.data["known"]) == (None, ["c3"]), "a fact is no prediction"
    general = dp.solve(
        "What makes an uncle?", strategy=chatrule(family()), model=ScriptedModel(Office({"uncle": RULES}))
    )
    assert general.answer.text == "uncle(X, Y) <- brother(X, Z1) & father(Z1, Y)"
    none = dp.solve("What is love?", strategy=chatrule(family()), model=ScriptedModel(Office({})))
    assert (none.answer.stop_reason, none.usage.calls) == ("undecided", 0)
    assert none.answer.rationale.endswith("the graph has brother, father, husband, mother, uncle.")


def test_without_a_graph_the_question_is_answered_in_one_call() -> None:
    model = ScriptedModel(lambda prompt: "Because.\nAnswer: c9")
    result = dp.solve(ASKED, strategy="chatrule", model=model)
    assert (result.answer.text, result.usage.calls, chatrule.calls) == ("c9", 1, 1)


def test_a_model_that_writes_no_rules_can_be_helped_by_the_samples() -> None:
    office = Office({"uncle": "I do not know."})
    assert mined(office, entity="u9").answer.value is None
    assert mined(office, entity="u9", sampled=True).answer.text == "c9"


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"relations": "uncel"}, "did you mean 'uncle'"),
        ({"entity": "u99"}, "no entity 'u99'; the nearest"),
        ({"generations": 0}, "at least 1, got .*generations=0"),
        ({"weight": "luck"}, "unknown weight 'luck'"),
        ({"wanted": "both"}, "unknown end of a fact"),
    ],
)
def test_parameters_are_checked(params: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        chatrule(family(), **params)  # type: ignore[arg-type]


@pytest.mark.embedded
def test_it_runs_on_the_embedded_model_and_a_real_graph() -> None:
    path = Path(__file__).parents[2].parent / "shared" / "data" / "kg_family" / "train.tsv"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    strategy = chatrule(str(path), relations="uncle", entity="1595", generations=1, most=2, sampled=True)
    try:
        result = dp.solve("Whose uncle is person 1595?", strategy=strategy, seed=1)
    except StoreError as error:
        pytest.skip(str(error))
    mined_ = [one for one in result.answer.data["rules"]]  # type: ignore[union-attr]
    judged = result.answer.data["unsound"]
    assert len(mined_) + len(judged) == 2  # type: ignore[arg-type]
    assert 2 <= result.usage.calls <= 2 * strategy.calls
