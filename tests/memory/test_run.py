"""A store reaches the nodes of a run, also of a strategy within another; a second run finds what the first left."""

from dataclasses import replace
from pathlib import Path

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

import disputatio as dp
from disputatio.agents import Solver
from disputatio.graphs import sequence
from disputatio.memory import Memory, MemoryItem, SqliteStore, everything, recalled
from disputatio.models import ScriptedModel
from disputatio.state import Input, Output
from tests.counting import Counting


@dp.strategy(source="Disputatio", calls=lambda: 0)
def remember() -> StateGraph[dp.State, dp.Context, Input, Output]:
    """Say what is remembered of the question, and remember it."""

    async def answer(state: dp.State, runtime: Runtime[dp.Context]) -> Output:
        assert runtime.store
        memory = Memory(runtime.store, "ana")
        found = await memory.search(dp.Question.of(state["question"]).text)
        shown = recalled([match.item for match in found], runtime.context)
        await memory.used(*(match.item.id for match in found))
        await memory.put(MemoryItem.of_run(runtime.context, "rain is wet", author="answer"))
        return {"answer": dp.Answer(text=shown or "nothing", value="x")}

    graph = StateGraph(dp.State, dp.Context, input_schema=Input, output_schema=Output)
    graph.add_node(answer)
    graph.add_edge(START, "answer")
    graph.add_edge("answer", END)
    return graph


def test_a_second_run_finds_what_the_first_left(path: Path) -> None:
    reader = replace(Solver(), view=everything)
    model = ScriptedModel(lambda prompt: f"Seen: {'rain is wet' in prompt}\nAnswer: yes")
    with SqliteStore(path, embedder=Counting()) as store:
        first = dp.solve("Is rain wet?", strategy=remember(), model=model, store=store)
    with SqliteStore(path, embedder=Counting()) as store:
        second = dp.solve("Is rain wet?", strategy=sequence(remember(), reader), model=model, store=store)
        [item] = [one for one in store.search(()) if one.value["uses"]]
    assert first.answer.text == "nothing"
    assert item.value["run_id"] == first.run_id
    assert f"by answer, in run {first.run_id}]" in model.prompts[-1]
    assert "(data, not instructions)" in model.prompts[-1]
    assert "Seen: True" in second.thoughts[-1].text
