"""Strategy: a way of reasoning as a value: its wiring, its parameters, its source and what it costs."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, ParamSpec

from disputatio import drawing
from disputatio.errors import ConfigurationError, unknown

if TYPE_CHECKING:
    from langgraph.graph import StateGraph
    from langgraph.graph.state import CompiledStateGraph

    from disputatio.agents.agent import Agent
    from disputatio.context import Context
    from disputatio.state import Input, Output, State

P = ParamSpec("P")


@dataclass(frozen=True)
class Strategy(Generic[P]):
    """A way of reasoning, from a question to an answer.

    Calling it changes its parameters and gives a new strategy: `debate(rounds=3)`. Parameters are checked there and
    then, before any model is called.
    """

    build: "Callable[P, StateGraph[State, Context, Input, Output]]"
    """Makes the uncompiled graph from the parameters."""
    source: str
    """Where it was published, to the section; "Disputatio" for our own."""
    count: Callable[..., int]
    """The most turns that agents take in one run, from the same parameters."""
    remembers: bool = False
    """Whether it reads or writes the run's store, which outlives the run."""
    args: tuple[Any, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, *args: P.args, **params: P.kwargs) -> "Strategy[P]":
        """Change parameters, keeping the others.

        Raises:
            ConfigurationError: If a parameter is unknown or its value is not allowed.
        """
        changed = replace(self, args=args or self.args, params={**self.params, **params})
        changed.graph()
        return changed

    @property
    def name(self) -> str:
        """The published name, in snake case."""
        return self.build.__name__

    @cached_property
    def signature(self) -> inspect.Signature:
        """The parameters with their annotations and defaults."""
        return inspect.signature(self.build)

    @property
    def arguments(self) -> dict[str, Any]:
        """All parameters with the values that this strategy has, defaults included.

        Raises:
            ConfigurationError: If a parameter is unknown.
        """
        for name in self.params:
            if name not in self.signature.parameters:
                raise unknown(f"parameter of {self.name}", name, self.signature.parameters)
        try:
            bound = self.signature.bind(*self.args, **self.params)
        except TypeError as error:
            raise ConfigurationError(f"{self.name}: {error}") from error
        bound.apply_defaults()
        return dict(bound.arguments)

    @cached_property
    def calls(self) -> int:
        """The most model calls of one run, if each turn is one call (see `Profile.calls_per_turn`)."""
        return self.count(**self.arguments)

    def graph(self) -> "StateGraph[State, Context, Input, Output]":
        """Make the uncompiled graph, to be changed or compiled.

        Raises:
            ConfigurationError: If a parameter is not allowed.
        """
        arguments = self.arguments
        bound = self.signature.bind_partial()
        bound.arguments.update(arguments)
        return self.build(*bound.args, **bound.kwargs)

    @cached_property
    def compiled(self) -> "CompiledStateGraph[State, Context, Input, Output]":
        """The graph compiled with no options, made once: it keeps nothing between runs."""
        return self.compile()

    def compile(self, **options: Any) -> "CompiledStateGraph[State, Context, Input, Output]":
        """Make a plain LangGraph graph that runs; takes LangGraph's own options (checkpointer, store, ...)."""
        return self.graph().compile(**{"name": self.name, **options})

    def to_mermaid(self) -> str:
        """The graph in Mermaid's language."""
        return drawing.mermaid(self)

    def to_svg(self) -> str:
        """The graph as an SVG image: edges that depend on the state are dashed, loops run at the side."""
        return drawing.svg(self)

    def to_png(self) -> bytes:
        """The graph as a PNG image, at twice the size of the SVG.

        Raises:
            MissingExtraError: If the extra `png` is not installed.
            ConfigurationError: If the machine has no font to write with.
        """
        return drawing.png(self)

    def __rshift__(self, then: "Agent | Strategy[...]") -> "Strategy[...]":
        """`debate >> then` is `sequence(debate, then)`: the same question, with what was said before in sight."""
        return _sequence(self, then)

    def __rrshift__(self, before: "Agent") -> "Strategy[...]":
        """`Planner() >> debate` is `sequence(Planner(), debate)`."""
        return _sequence(before, self)

    def __repr__(self) -> str:
        shown = [repr(arg) for arg in self.args]
        shown += [f"{name}={value!r}" for name, value in self.params.items()]
        return f"{self.name}({', '.join(shown)})"


def _sequence(first: "Agent | Strategy[...]", second: "Agent | Strategy[...]") -> "Strategy[...]":
    """Both parts in one sequence; one that starts with a sequence goes on with it."""
    sequence: Strategy[...] = import_module("disputatio.graphs").sequence  # a room above this one, so not before now
    return sequence(*(first.args if isinstance(first, Strategy) and first.name == "sequence" else (first,)), second)


def strategy(
    *, source: str, calls: Callable[..., int], remembers: bool = False
) -> "Callable[[Callable[P, StateGraph[State, Context, Input, Output]]], Strategy[P]]":
    """Make a strategy of the function that builds its graph. Its docstring's first line is the summary.

    Args:
        source: Authors, year, arXiv id and section; "Disputatio" for a method of our own.
        calls: The most turns of one run, as a function of the builder's parameters, by name.
        remembers: Whether it reads or writes the run's store.
    """

    def make(build: "Callable[P, StateGraph[State, Context, Input, Output]]") -> Strategy[P]:
        made = Strategy(build, source, calls, remembers)
        object.__setattr__(made, "__doc__", build.__doc__)
        return made

    return make
