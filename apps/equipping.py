"""Equipping: tools that were named on the command line, the agents that get them, and what they may do."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, get_args

from disputatio.agents import Agent, Solver, Verifier
from disputatio.apps.choosing import debaters
from disputatio.errors import ConfigurationError, unknown
from disputatio.graphs.strategies.disputation import disputation
from disputatio.permission import ALLOWED, Access, Approval, Permission
from disputatio.strategies import Strategy
from disputatio.tools import Toolbox
from disputatio.tools.toolbox import Tools, held
from disputatio.writing import plain


def tools(sources: Sequence[str]) -> Toolbox:
    """The tools of all sources.

    Raises:
        ConfigurationError: If one cannot be loaded, or two tools have one name.
    """
    return Toolbox(*sources)


def equipped(strategy: Strategy[...], given: Tools) -> Strategy[...]:
    """The strategy with tools: its own, if it takes any, or those of solver, debaters and a disputation's verifier.

    Raises:
        ConfigurationError: If it has no such agents.
    """
    if not given:
        return strategy
    known = strategy.arguments
    changed: dict[str, Any] = {}
    if "tools" in known:
        changed["tools"] = [*known["tools"], *given] if known["tools"] else given
    elif "solver" in known:
        changed["solver"] = _with(known["solver"] or Solver(), given)
    if "debaters" in known:
        changed["debaters"] = [_with(agent, given) for agent in debaters(strategy)]
    if "verifier" in known and strategy.name == disputation.name:
        changed["verifier"] = _with(known["verifier"] or Verifier(), given)
    if not changed:
        raise ConfigurationError(f"{strategy.name} has no agents that take tools")
    # Positional arguments become named ones, so that they can be replaced.
    named = {**dict(zip(strategy.signature.parameters, strategy.args, strict=False)), **strategy.params, **changed}
    return replace(strategy, args=(), params={})(**named)


def _with(agent: Agent, given: Tools) -> Agent:
    return replace(agent, tools=(*agent.tools, *given) if agent.tools else held(given))


def permission(
    allow: Sequence[str],
    ask: Callable[[str], bool] | None = None,
    reply: Callable[[str], str | None] | None = None,
    *,
    wait: bool = False,
) -> Permission:
    """What tools may do: all but `write` also after text from outside was read, unless private data could leave.

    Args:
        allow: What is allowed besides computing and reading: write, network.
        ask: Asks a person; None if there is nobody.
        reply: Lets a person answer; None if there is nobody.
        wait: Whether the run waits for somebody then.

    Raises:
        ConfigurationError: If a word is none of these.
    """
    known: tuple[Access, ...] = get_args(Access)
    for word in allow:
        if word not in known:
            raise unknown("access", word, known)
    allowed = {*ALLOWED, *(one for one in known if one in allow)}

    def approve(approval: Approval) -> bool:
        return ask(_question(approval)) if ask else False

    return Permission(
        allowed=allowed,
        after_untrusted=allowed - {"write"},
        approve=approve if ask else "wait" if wait else None,
        reply=(lambda question: reply(plain(question))) if reply else None,
    )


def _question(approval: Approval) -> str:
    """The whole of what is asked for: a person must be able to see all of it."""
    arguments = plain(json.dumps(approval.arguments, ensure_ascii=True, indent=2))
    touches = " and ".join(sorted(approval.access))
    return (
        f"{plain(approval.author)} wants to call {approval.tool} ({touches}) with\n{arguments}\n"
        f"It is asked because {plain(approval.reason)}.\nAllow this call?"
    )
