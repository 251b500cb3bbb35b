"""Causal graphs: interventions and counterfactuals on discrete models, and what identifies an effect.

A structural causal model is a program of `chances`: a line that draws is a cause from outside or a conditional
probability, a line that computes is an equation (Pearl, Causality, 2009, section 7.1).
"""

import ast
import re
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

import networkx as nx

from disputatio.errors import ToolError
from disputatio.tools.chances import Line, distribution, expression_of, program_of
from disputatio.tools.probability import exactly
from disputatio.tools.syntax import shown, statements
from disputatio.tools.tool import tool

MAX_NODES = 60
MAX_FRONT = 3
"""The most variables of a front door."""
_EDGE = re.compile(r"\s*(\w+)\s*(->|<-|<->|\u2192|\u2190|\u2194)\s*(\w+)\s*")
_OTHER_WORLD = "_in_the_other_world"


@tool(access="pure")
def causal_query(model: str, query: str, do: str = "", given: str = "", counterfactual: bool = False) -> dict[str, Any]:
    """Work out exactly what an intervention does in a causal model, or what would have been.

    Args:
        model: One line a variable, causes first: "smoker = bernoulli(0.3)", "tar = bernoulli(0.9 if smoker else 0.1)",
            "ill = tar and weak".
        query: A condition or value, such as "ill".
        do: What is set from outside, one a line: "smoker = False". Empty: nothing is.
        given: What is observed, a condition: "tar and not ill"; after the intervention, or for a counterfactual before
            it, in the world as it was.
        counterfactual: Whether the query is about the world as it would have been; all that is drawn stays as it was.
    """
    lines = program_of(model)
    actions = _actions(do, lines)
    seen = expression_of(given, lines, what="observation") if given.strip() else None
    wanted = expression_of(query, lines, what="query")
    if counterfactual:
        lines, wanted = twin(lines, actions, seen, wanted)
    else:
        lines = [*intervened(lines, actions), *([Line(None, seen)] if seen else [])]
    return exactly(distribution(lines, wanted))


@tool(access="pure")
def causal_effect(
    graph: str, cause: str, effect: str, hidden: list[str] | None = None, adjust: list[str] | None = None
) -> dict[str, Any]:
    """Say by which formula an effect can be computed from what is observed, and whether an adjustment is valid.

    Args:
        graph: Arrows, joined by commas or on lines of their own: "age -> drug, drug -> cure, drug <-> cure"; <-> is a
            hidden common cause.
        cause: The variable that is set.
        effect: The variable that is looked at.
        hidden: Variables that are not observed.
        adjust: A set of variables to check; the answer says whether adjusting for them gives the effect.
    """
    net = graph_of(graph)
    unseen = {*(hidden or ()), *(node for node in net if net.nodes[node].get("hidden"))}
    for name in (cause, effect, *(hidden or ()), *(adjust or ())):
        if name not in net:
            raise ToolError(f"{name[:40]!r} is not in the graph; there are: {', '.join(_seen(net, set()))}")
    if cause == effect or {cause, effect} & unseen:
        raise ToolError("cause and effect are two variables that are observed")
    report: dict[str, Any] = {"is_cause": nx.has_path(net, cause, effect)}
    if adjust is not None:
        report["adjustment_is_valid"] = is_back_door(net, cause, effect, adjust) and not unseen & set(adjust)
    back = back_door(net, cause, effect, unseen)
    if back is not None:
        return {
            **report,
            "criterion": "back door",
            "adjust_for": sorted(back),
            "formula": _adjusted(cause, effect, back),
        }
    front = front_door(net, cause, effect, unseen)
    if front is not None:
        return {
            **report,
            "criterion": "front door",
            "through": sorted(front),
            "formula": _through(cause, effect, front),
        }
    if not report["is_cause"]:
        return {**report, "criterion": "none needed", "formula": f"P({effect} | do({cause})) = P({effect})"}
    return {**report, "criterion": "none", "formula": "neither the back-door nor the front-door criterion applies"}


def intervened(lines: Sequence[Line], actions: dict[str, ast.expr]) -> list[Line]:
    """The model in which some variables are set, whatever their causes (Pearl 2009, definition 3.2.1)."""
    return [Line(line.name, actions[line.name]) if line.name in actions else line for line in lines]


def twin(
    lines: Sequence[Line], actions: dict[str, ast.expr], seen: ast.expr | None, wanted: ast.expr
) -> tuple[list[Line], ast.expr]:
    """The twin network (Balke and Pearl 1994): both worlds in one program, with all that is drawn in common.

    Raises:
        ToolError: If a draw depends on what is changed: then the model does not say what would have been drawn.
    """
    changed: dict[str, str] = {}
    both: list[Line] = []
    for line in lines:
        both.append(line)
        name = line.name
        if name is None:
            continue
        if name in actions:
            changed[name] = name + _OTHER_WORLD
            both.append(Line(changed[name], actions[name]))
        elif line.uses & set(changed):
            if line.is_draw:
                raise ToolError(
                    f"{name!r} is drawn with chances that depend on what is changed, so it is not known what would "
                    f"have been drawn; draw first and compute then: 'u = bernoulli(1/3)', '{name} = u and ...'"
                )
            changed[name] = name + _OTHER_WORLD
            both.append(Line(changed[name], renamed(line.expression, changed)))
    if seen is not None:
        both.append(Line(None, seen))
    return both, renamed(wanted, changed)


def renamed(node: ast.expr, names: dict[str, str]) -> ast.expr:
    """The same expression over other variables."""

    class Renaming(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.Name:
            return ast.Name(id=names.get(node.id, node.id), ctx=node.ctx)

    changed = Renaming().visit(ast.parse(ast.unparse(node), mode="eval").body)
    assert isinstance(changed, ast.expr)
    return changed


def _actions(text: str, lines: Sequence[Line]) -> dict[str, ast.expr]:
    known = {line.name for line in lines if line.name}
    found: dict[str, ast.expr] = {}
    for line in statements(text, what="intervention") if text.strip() else []:
        match line:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant() | ast.UnaryOp() as value) if (
                name in known
            ):
                found[name] = value
            case _:
                raise ToolError(f"an intervention is 'name = value' for a variable of the model, not {shown(line)!r}")
    return found


def graph_of(text: str) -> "nx.DiGraph[str]":
    """Read a graph; a hidden common cause becomes a node of its own, marked `hidden`.

    Raises:
        ToolError: If it cannot be read, is too large, or has a circle.
    """
    net: nx.DiGraph[str] = nx.DiGraph()
    for part in filter(str.strip, re.split(r"[,;\n]", text)):
        found = _EDGE.fullmatch(part)
        if found is None:
            raise ToolError(f"{part.strip()[:60]!r} is no arrow; write 'a -> b' or 'a <-> b'")
        left, arrow, right = found.groups()
        if arrow in ("<->", "\u2194"):
            cause = f"hidden cause of {' and '.join(sorted((left, right)))}"
            net.add_node(cause, hidden=True)
            net.add_edges_from([(cause, left), (cause, right)])
        else:
            net.add_edge(*((left, right) if arrow in ("->", "\u2192") else (right, left)))
    if len(net) > MAX_NODES or not net:
        raise ToolError(f"a graph has between 1 and {MAX_NODES} variables")
    if not nx.is_directed_acyclic_graph(net):
        raise ToolError("the graph has a circle: " + " -> ".join(edge[0] for edge in nx.find_cycle(net)))
    return net


def is_back_door(net: Any, cause: str, effect: str, given: Iterable[str]) -> bool:
    """Whether a set meets the back-door criterion (Pearl 2009, definition 3.3.1)."""
    chosen = set(given)
    if chosen & ({cause, effect} | nx.descendants(net, cause)):
        return False
    return _separated(_without_effects(net, cause), {cause}, {effect}, chosen)


def back_door(net: Any, cause: str, effect: str, hidden: set[str]) -> set[str] | None:
    """A smallest set of observed variables that meets the back-door criterion; None if there is none."""
    allowed = set(_seen(net, hidden)) - {cause, effect} - nx.descendants(net, cause)
    found = nx.find_minimal_d_separator(_without_effects(net, cause), cause, effect, restricted=allowed)
    return None if found is None else set(found)


def front_door(net: "nx.DiGraph[str]", cause: str, effect: str, hidden: set[str]) -> set[str] | None:
    """A smallest set of observed variables that meets the front-door criterion (Pearl 2009, definition 3.3.3)."""
    between = nx.descendants(net, cause) & nx.ancestors(net, effect) - hidden
    for size in range(1, MAX_FRONT + 1):
        for through in combinations(sorted(between), size):
            if _is_front_door(net, cause, effect, set(through)):
                return set(through)
    return None


def _is_front_door(net: "nx.DiGraph[str]", cause: str, effect: str, through: set[str]) -> bool:
    rest = net.copy()
    rest.remove_nodes_from(through)
    intercepts = not nx.has_path(rest, cause, effect)
    unconfounded = all(_separated(_without_effects(net, cause), {cause}, {one}, set()) for one in through)
    cut = net.copy()
    cut.remove_edges_from(list(net.out_edges(through)))
    return intercepts and unconfounded and _separated(cut, through, {effect}, {cause})


def _separated(net: Any, left: set[str], right: set[str], given: set[str]) -> bool:
    """Whether all paths are blocked; the annotations of networkx admit no graph of strings."""
    return bool(nx.is_d_separator(net, left, right, given))


def _without_effects(net: Any, cause: str) -> Any:
    """The graph without the arrows that leave the cause: what is left between it and others is no effect of it."""
    cut = net.copy()
    cut.remove_edges_from(list(net.out_edges(cause)))
    return cut


def _seen(net: "nx.DiGraph[str]", hidden: set[str]) -> list[str]:
    return sorted(node for node in net if node not in hidden and not net.nodes[node].get("hidden"))


def _adjusted(cause: str, effect: str, given: set[str]) -> str:
    names = ", ".join(sorted(given))
    if not names:
        return f"P({effect} | do({cause})) = P({effect} | {cause})"
    return f"P({effect} | do({cause})) = sum over {names} of P({effect} | {cause}, {names}) P({names})"


def _through(cause: str, effect: str, front: set[str]) -> str:
    names = ", ".join(sorted(front))
    inner = f"sum over {cause}' of P({effect} | {cause}', {names}) P({cause}')"
    return f"P({effect} | do({cause})) = sum over {names} of P({names} | {cause}) ({inner})"
