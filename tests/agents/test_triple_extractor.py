"""The triple extractor: what it is asked, and that a graph learns only what the passage says."""

import disputatio as dp
from disputatio.agents import TripleExtractor, learn
from disputatio.graphs import sequence
from disputatio.memory import KnowledgeGraph
from disputatio.models import ScriptedModel

PASSAGE = "Marie Curie was born in Warsaw, not in Paris. She discovered polonium with Pierre Curie."
SAID = """Triples:
1. Marie Curie | born in | Warsaw
2. Marie Curie | not born in | Paris
3. MARIE CURIE | discovered | polonium
4. Marie Curie | won | Nobel Prize
5. Pierre Curie discovered polonium
6. | discovered | polonium"""


def extracted(said: str, graph: KnowledgeGraph, passage: str = PASSAGE):  # type: ignore[no-untyped-def]
    model = ScriptedModel(lambda prompt: said)
    question = dp.Question(text="Which facts does the document state?", context=(passage,))
    result = dp.solve(question, strategy=sequence(TripleExtractor(most=7)), model=model)
    assert passage in model.prompts[0]
    assert "at most 7" in model.prompts[0]
    return learn(graph, result.thoughts[-1], passage)


def test_facts_of_the_passage_are_learnt_with_the_passage_as_their_source() -> None:
    graph = KnowledgeGraph()
    learnt = extracted(SAID, graph)
    assert [triple[1:] for triple in learnt.triples] == [
        ("born in", "Warsaw"),
        ("born in", "Paris"),
        ("discovered", "polonium"),
    ]
    assert graph.fact(("Marie Curie", "born in", "Warsaw")).sources == {PASSAGE: 0.5}
    assert graph.fact(("Marie Curie", "born in", "Paris"), negated=True).negated
    assert ("Marie Curie", "discovered", "polonium") in graph, "the entity that is there already"
    assert [reason.rpartition(": ")[2] for reason in learnt.refused] == [
        "the passage does not name 'Nobel Prize'",
        'it is not "head | relation | tail"',
        'it is not "head | relation | tail"',
    ]


def test_a_second_passage_is_a_second_source() -> None:
    graph = KnowledgeGraph()
    extracted("1. Marie Curie | born in | Warsaw", graph)
    other = "Marie Curie, born in Warsaw."
    extracted("1. Marie Curie | born in | Warsaw", graph, other)
    assert graph.fact(("Marie Curie", "born in", "Warsaw")).sources == {PASSAGE: 0.5, other: 0.5}
    graph.retract(PASSAGE)
    assert len(graph) == 1


def test_a_reply_that_cannot_be_read_teaches_nothing() -> None:
    graph = KnowledgeGraph()
    for said in ("", "I see none.", '{"triples": "a | b | c"}', "Triples: none"):
        assert extracted(said or " ", graph).triples == []
    assert len(graph) == 0
