"""The SMT worker: satisfiability, models, contradictions and optima by z3."""

from collections.abc import Mapping
from typing import Any

import z3


def work(given: Mapping[str, Any]) -> dict[str, Any]:
    """Solve `declared`, `asserted` and `aims`; see `disputatio.tools.smt.solve`."""
    z3.set_param("memory_max_size", 1024)
    answer: dict[str, Any] = {
        "status": "", "models": [], "complete": False, "core": [], "objectives": [], "reason": ""
    }  # fmt: skip
    try:
        if given["aims"]:
            return _best(given, answer)
        return _models(given, answer)
    except z3.Z3Exception as error:
        said = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error.args[0])
        raise ValueError(f"z3 does not understand it: {said.strip()}") from error


def _models(given: Mapping[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    solver = z3.Solver()
    solver.set("timeout", given["milliseconds"])
    formulas = z3.parse_smt2_string("\n".join([given["declared"], *given["asserted"]]))
    marks = [z3.Bool(f"assertion {place}") for place in range(len(given["asserted"]))]
    if len(formulas) == len(marks):
        for formula, mark in zip(formulas, marks, strict=True):
            solver.add(z3.Implies(mark, formula))
    else:  # z3 takes some assertions apart, and then knows of no core
        marks = []
        solver.add(formulas)
    constants, has_functions = _constants(formulas)
    over = [one for one in constants if str(one) in given["over"]] if given["over"] else constants
    is_told_apart = bool(given["over"]) or not has_functions  # models may differ in their functions only
    while len(answer["models"]) < given["models"]:
        status = solver.check(*marks)
        answer["status"] = answer["status"] or str(status)
        if status == z3.unknown:
            answer["reason"] = solver.reason_unknown()
        if status == z3.unsat:
            answer["complete"] = is_told_apart
        if status != z3.sat:
            break
        model = solver.model()
        answer["models"].append({**_values(model, constants), **(_functions(model) if has_functions else {})})
        solver.add(z3.Or([one != model.eval(one, model_completion=True) for one in over]))
    else:
        # All that were asked for are there; whether there are more is one more question.
        answer["complete"] = is_told_apart and solver.check(*marks) == z3.unsat
    if answer["status"] == "unsat":
        answer["core"] = _core(solver, marks)
    return answer


def _core(solver: Any, marks: list[Any]) -> list[int]:
    """The places of assertions that contradict one another, without any that can be left out."""
    left = [place for place, mark in enumerate(marks) if any(mark.eq(one) for one in solver.unsat_core())]
    for place in list(left):
        fewer = [one for one in left if one != place]
        if solver.check(*(marks[one] for one in fewer)) == z3.unsat:
            left = fewer
    return left


def _best(given: Mapping[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    optimiser = z3.Optimize()
    optimiser.set("timeout", given["milliseconds"])
    optimiser.from_string("\n".join([given["declared"], *given["asserted"], *given["aims"]]))
    status = optimiser.check()
    answer["status"] = str(status)
    if status == z3.unsat:
        return _models(given, answer)
    if status == z3.unknown:
        answer["reason"] = optimiser.reason_unknown()
        return answer
    answer["models"] = [_values(optimiser.model(), _constants(optimiser.assertions())[0])]
    ups = [aim.startswith("(maximize") for aim in given["aims"] if not aim.startswith("(assert-soft")]
    for place, up in enumerate(ups):
        aim = z3.OptimizeObjective(optimiser, place, up)
        answer["objectives"].append(str(aim.upper() if up else aim.lower()))
    return answer


def _constants(formulas: Any) -> tuple[list[Any], bool]:
    """The constants that are used, by name, and whether there are functions too."""
    found: dict[str, Any] = {}
    has_functions = False
    seen: set[int] = set()
    stack = list(formulas)
    while stack:
        one = stack.pop()
        if one.get_id() in seen:
            continue
        seen.add(one.get_id())
        stack.extend(one.children() if not z3.is_quantifier(one) else [one.body()])
        if z3.is_const(one) and one.decl().kind() == z3.Z3_OP_UNINTERPRETED:
            found[str(one)] = one
        elif z3.is_app(one) and one.decl().kind() == z3.Z3_OP_UNINTERPRETED:
            has_functions = True
    return [found[name] for name in sorted(found)], has_functions


def _functions(model: Any) -> dict[str, str]:
    """The functions of a model, as z3 writes them."""
    return {one.name(): " ".join(str(model[one]).split())[:500] for one in model.decls() if one.arity()}


def _values(model: Any, constants: list[Any]) -> dict[str, str]:
    return {str(one): _value(model.eval(one, model_completion=True)) for one in constants}


def _value(value: Any) -> str:
    if z3.is_rational_value(value):
        return str(value.as_fraction())
    if z3.is_algebraic_value(value):
        return f"about {value.as_decimal(12).rstrip('?')}"
    if z3.is_bool(value):
        return str(value).lower()
    return str(value)[:500]
