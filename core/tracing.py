"""Tracing: what a run tells one who watches it. Nothing is told, and nothing imported, where nobody does."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from disputatio.context import Retried, Spoken
    from disputatio.model import Model, Reply, Request
    from disputatio.question import Question
    from disputatio.recording import Trace
    from disputatio.result import Result
    from disputatio.strategies import Strategy

Fact: TypeAlias = "Spoken | Retried | Trace | Reply | Result | str"
"""What becomes known of a step while it lasts: the first words of a reply, that a call is made again, what it took in
the end, the reply; the result of a run; what a tool returned."""
Tell = Callable[[Fact], None]


class Tracer(Protocol):
    """Watches a run. Each method is entered as a step begins and left as it ends, also by an error.

    Steps nest: a run holds the turns of agents, a turn holds calls of models and uses of tools. Those that agents
    take at once are entered in asyncio tasks of their own.
    """

    def run(self, question: "Question", strategy: "Strategy[...]") -> AbstractContextManager[Tell]:
        """A run from the question to its result."""
        ...

    def turn(self, author: str, role: str, *, round: int, scope: str) -> AbstractContextManager[Tell]:
        """One agent speaks once."""
        ...

    def call(self, model: "Model", request: "Request", *, streamed: bool) -> AbstractContextManager[Tell]:
        """One model call with all its attempts."""
        ...

    def tool(self, name: str, description: str, arguments: Mapping[str, Any]) -> AbstractContextManager[Tell]:
        """One use of a tool."""
        ...
