"""Tools and the journal of a run: what they did is replayed whole, and nothing is asked or done twice."""

import json
from pathlib import Path

from disputatio.agents import Solver
from disputatio.errors import ToolError
from disputatio.graphs import sequence
from disputatio.graphs.run import prepare, run
from disputatio.journal import Journal
from disputatio.models import ScriptedModel
from disputatio.permission import Approval, Permission
from disputatio.question import Question
from disputatio.tools import tool

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000002800000001e0806000000")


async def test_results_errors_attachments_and_decisions_are_replayed(tmp_path: Path) -> None:
    done: list[str] = []
    asked: list[str] = []

    @tool(access="write")
    def save(text: str) -> str:
        """Save."""
        done.append(text)
        if text == "bad":
            raise ToolError("no room")
        return "saved"

    @tool(access="read")
    def look(text: str) -> bytes:
        """Look."""
        done.append(text)
        return PNG

    def approve(approval: Approval) -> bool:
        asked.append(approval.arguments["text"])
        return approval.arguments["text"] != "secret"

    texts = {"look": "here", "good": "good", "bad": "bad", "secret": "secret", "wrong": 5}

    def reply(prompt: str) -> str:
        if "Use: <" not in prompt:
            return "So.\nAnswer: x"
        name = next(name for name in texts if f"You are {name}." in prompt)
        use = {"tool": "look" if name == "look" else "save", "arguments": {"text": texts[name]}}
        return json.dumps({"use": use})

    strategy = sequence(*(Solver(name, instruction=f"You are {name}.", tools=[save, look]) for name in texts))
    question = Question(text="What?")
    journal = Journal(tmp_path / "run.jsonl")
    context = prepare(model=ScriptedModel(reply), permission=Permission(approve=approve), journal=journal)
    result = await run(question, strategy, context)
    seen = {one.data["asked_by"]: one for one in result.thoughts if one.role == "tool"}
    assert {name: one.data["error"] for name, one in seen.items()} == {
        "look": None, "good": None, "bad": "failed", "secret": "refused", "wrong": "bad_arguments",
    }  # fmt: skip
    assert [seen[name].data.get("approved") for name in ("good", "bad", "secret", "look")] == [True, True, False, None]
    assert seen["look"].data["attachments"][0]["media_type"] == "image/png"
    assert (done, asked) == (["here", "good", "bad"], ["good", "bad", "secret"])

    again = prepare(permission=Permission(), journal=Journal(tmp_path / "run.jsonl", replay=True))
    replayed = await run(question, strategy, again)
    assert replayed.thoughts == result.thoughts
    assert (again.taint.untrusted, again.taint.private) == (context.taint.untrusted, context.taint.private)
    assert again.taint.private == {"tool:look"}
    assert (len(done), len(asked)) == (3, 3)
