"""A strategy as a node of your own LangGraph application, next to nodes that have nothing to do with Disputatio."""

import asyncio

from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

import disputatio as dp
from disputatio.graphs import debate
from disputatio.models import Model


class Ticket(TypedDict, total=False):
    """The state of the application."""

    complaint: str
    verdict: str
    reply: str


async def main(model: Model | str = "local") -> Ticket:
    """Let a debate decide whether a complaint is justified, and write the reply."""
    panel = debate(2, rounds=1).compile()

    async def decide(state: Ticket) -> Ticket:
        question = dp.Question(text=f"Should we refund this? {state['complaint']}", answer_type="boolean")
        context = dp.Context(models={"default": model}, ledger=dp.Ledger(dp.Budget(calls=8)), seed=1)
        answer = (await panel.ainvoke({"question": question}, context=context))["answer"]
        return {"verdict": answer.value or "undecided"}

    def write(state: Ticket) -> Ticket:
        replies = {"yes": "We refund it.", "no": "We are sorry, but we cannot refund it."}
        return {"reply": replies.get(state["verdict"], "A colleague will look at it.")}

    application = StateGraph(Ticket)
    application.add_node(decide)
    application.add_node(write)
    application.add_edge(START, "decide")
    application.add_edge("decide", "write")
    application.add_edge("write", END)
    complaint = "The kettle arrived with a broken lid."
    ticket: Ticket = await application.compile().ainvoke({"complaint": complaint})  # type: ignore[assignment]
    print(ticket)
    return ticket


if __name__ == "__main__":
    asyncio.run(main())
