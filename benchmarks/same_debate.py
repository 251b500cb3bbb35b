"""Holds one debate on model after model, and compares the shape of the results field by field.

    python benchmarks/same_debate.py --rows FILE MODEL...

A model is a string as on the command line, or one of these: `scripted`; `recorded`, which replays the one before it;
`server`, llama.cpp asked as any other server; `responses`, OpenAI's Responses API, which llama.cpp serves, too;
`langchain`, an object of langchain-openai that asks the same server.
Rows are added to FILE, so that engines in environments of their own are compared, too; all its rows are printed.
"""

import argparse
import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import disputatio as dp
from disputatio.agents import Debater, Judge
from disputatio.errors import require
from disputatio.graphs import debate
from disputatio.models import OpenAIResponses, ScriptedModel, load_model

QUESTION = dp.Question(text="Should cities ban private cars from their centres?", answer_type="boolean")
PANEL = [replace(Debater(name), max_tokens=80) for name in ("proponent", "opponent")]
DEBATE = debate(PANEL, rounds=2, decision="judge", judge=replace(Judge(), max_tokens=80))
FREE = {".thoughts[].data", ".answer.data", ".settings.models"}
"""Objects whose fields depend on what was said, or on the names of roles."""
TYPES = {int: "number", float: "number", bool: "boolean", str: "text", type(None): "nothing"}

Row = dict[str, Any]


def fields(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The path of each field of a result in JSON, with its type; the entries of a list share one path."""
    if isinstance(value, dict):
        yield path, "object"
        if path not in FREE:
            for key, inner in value.items():
                yield from fields(inner, f"{path}.{key}")
    elif isinstance(value, list):
        yield path, "list"
        for inner in value:
            yield from fields(inner, f"{path}[]")
    else:
        yield path, TYPES[type(value)]


def row(name: str, result: dp.Result) -> Row:
    """What is compared of one result, and what is told of it."""
    types: dict[str, list[str]] = {}
    for path, kind in sorted(set(fields(json.loads(result.model_dump_json())))):
        types.setdefault(path, []).append(kind)
    return {
        "name": name,
        "types": types,
        "said": sorted([one.author, one.role, one.kind, one.round] for one in result.thoughts),
        "replies": sorted([one.kind for one in result.links]),
        "calls": result.usage.calls,
        "tokens": result.usage.tokens,
        "cached": result.usage.cached_tokens,
        "counted": "estimated" if result.usage.estimated else "reported",
        "answer": result.answer.text,
        "stop": result.stop_reason,
        "seconds": result.seconds,
    }


def differences(one: Row, other: Row) -> list[str]:
    """Where two results differ in shape; a field that holds nothing in one of them has the other's type."""
    found = [f"{what} differs" for what in ("said", "replies") if one[what] != other[what]]
    for path in sorted({*one["types"], *other["types"]}):
        mine, theirs = (set(each["types"].get(path, ["missing"])) - {"nothing"} for each in (one, other))
        if mine and theirs and mine != theirs:
            found.append(f"{path}: {'/'.join(sorted(mine))} became {'/'.join(sorted(theirs))}")
    return found


async def held(model: Any, **settings: Any) -> dp.Result:
    """The debate on one model, streamed as a person at the keyboard would have it."""
    return await dp.asolve(QUESTION, strategy=DEBATE, model=model, seed=1, on_event=lambda event: None, **settings)


def scripted(prompt: str) -> str:
    """A reply of the scripted model."""
    return "It was tried elsewhere, and trade did not suffer.\nAnswer: yes\nConfidence: 80"


def llama() -> Any:
    """The embedded llama.cpp, whose address and key others can use."""
    model = load_model("local")
    asyncio.run(model.complete(dp.models.Request(messages=[{"role": "user", "content": "Hello"}], max_tokens=1)))
    return model


def made(name: str) -> Any:
    """The model that a name stands for."""
    if name == "scripted":
        return ScriptedModel(scripted)
    if name == "server":
        behind: Any = llama()
        os.environ["DISPUTATIO_API_KEY"] = behind.api_key
        return load_model(f"openai-compatible:{behind.base_url}")
    if name == "responses":
        behind = llama()
        return OpenAIResponses(name=name, model="local", api_key=behind.api_key, base_url=behind.base_url)
    if name == "langchain":
        behind = llama()
        openai = require("langchain_openai", extra="langchain")
        return openai.ChatOpenAI(model="local", base_url=behind.base_url, api_key=behind.api_key, max_retries=0)
    return load_model(name)


def rows(names: list[str]) -> Iterator[Row]:
    """The debate on each model, one after the other."""
    with TemporaryDirectory() as folder:
        journal = Path(folder) / "0.jsonl"
        for number, name in enumerate(names, 1):
            if name == "recorded":
                result = asyncio.run(held("local", journal=dp.Journal(journal, replay=True)))
            else:
                journal = Path(folder) / f"{number}.jsonl"
                result = asyncio.run(held(made(name), journal=journal))
            yield row(name, result)


def table(found: list[Row]) -> str:
    """All rows, each compared with the first."""
    head = "| model | shape | calls | tokens | of them cached | counts | ended | seconds |"
    lines = [head, "|" + "---|" * 8]
    for one in found:
        other = differences(found[0], one)
        shape = "; ".join(other) if other else "the same"
        told = [shape, one["calls"], f"{one['tokens']:,}", one["cached"], one["counted"], one["stop"]]
        lines.append(f"| `{one['name']}` | {' | '.join(map(str, told))} | {one['seconds']:.1f} |")
    return "\n".join(lines)


def main() -> int:
    """Hold the debates, keep their rows, and print all rows; 1 if the shape of one is another."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--rows", type=Path, required=True, metavar="FILE")
    given = parser.parse_args()
    with given.rows.open("a") as file:
        for one in rows(given.models):
            print(json.dumps(one), file=file, flush=True)
    found = [json.loads(line) for line in given.rows.read_text().splitlines()]
    print(table(found))
    return int(any(differences(found[0], one) for one in found))


if __name__ == "__main__":
    raise SystemExit(main())
