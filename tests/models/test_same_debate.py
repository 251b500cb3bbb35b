"""One debate gives results of one shape, whatever answers; benchmarks/same_debate.py asks the engines, too."""

import runpy
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel

from disputatio.journal import Journal
from disputatio.models import OpenAICompatible
from tests.servers import STREAM, USAGE, Sent, Server, chunk, completion

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "same_debate.py"))
differences, held, made, row, table = (SCRIPT[name] for name in ("differences", "held", "made", "row", "table"))
SAID: str = SCRIPT["scripted"]("")


async def test_the_shape_of_a_result_is_the_same_on_all_backends(tmp_path: Path) -> None:
    first = row("scripted", await held(made("scripted"), journal=tmp_path / "run"))
    again = row("recorded", await held("local", journal=Journal(tmp_path / "run", replay=True)))
    assert again == {**first, "name": "recorded"}
    stream = (chunk(SAID), chunk("", "stop"), *STREAM[3:])
    with Server([Sent(stream=stream)]) as streams, Server([Sent(completion(SAID, usage=USAGE))]) as does_not:
        others: dict[str, Any] = {
            "sim": "sim:accuracy=0.7",
            "server": OpenAICompatible(name="t", base_url=streams.url, model="m"),
            "a server that does not stream": OpenAICompatible(name="t", base_url=does_not.url, model="m"),
            "langchain": FakeListChatModel(responses=[SAID]),
            "silent": FakeListChatModel(responses=["I cannot say."]),
        }
        rows = [row(name, await held(model)) for name, model in others.items()]
    assert {one["name"]: differences(first, one) for one in rows} == {name: [] for name in others}
    assert [one["counted"] for one in rows] == ["reported", "reported", "reported", "estimated", "estimated"]
    assert [one["answer"] for one in rows[1:]] == ["yes", "yes", "yes", ""]
    assert table([first, *rows]).count("| the same | 5 |") == 5  # who is asked in two steps makes more calls
    assert (first["calls"], len(first["said"])) == (5, 5)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"said": []}, ["said differs"]),
        ({"types": {".seconds": ["text"]}}, [".seconds: number became text"]),
        ({"types": {".odd": ["number"]}}, [".odd: missing became number"]),
        ({"types": {".seconds": ["nothing"]}}, []),
    ],
)
def test_a_difference_is_named(change: dict[str, Any], found: list[str]) -> None:
    one = {"said": [["a", "b", "claim", 1]], "replies": [], "types": {".seconds": ["number"]}}
    types = {**one["types"], **change.get("types", {})}  # type: ignore[dict-item]
    assert differences(one, {**one, **change, "types": types}) == found
