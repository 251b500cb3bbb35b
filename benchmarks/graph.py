"""Ours as a LangGraph graph that is compiled once."""

from collections.abc import Awaitable, Callable

from solve import PANEL, model_at

from disputatio import Context


def make(url: str) -> Callable[[str], Awaitable[str]]:
    """Make the function that holds one debate."""
    model, compiled = model_at(url), PANEL.compile()

    async def debate(question: str) -> str:
        output = await compiled.ainvoke({"question": question}, context=Context(models={"default": model}))
        return str(output["answer"].text)

    return debate


async def supersteps(url: str, question: str) -> int:
    """How many super-steps one debate takes."""
    steps = set()
    context = Context(models={"default": model_at(url)})
    async for event in PANEL.compile().astream({"question": question}, context=context, stream_mode="debug"):
        steps |= {event["step"]} if event["type"] == "task" else set()
    return len(steps)
