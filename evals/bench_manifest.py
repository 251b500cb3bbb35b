"""The manifest of a bench: all that its figures depend on, so that they can be made again and told from others."""

import hashlib
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

from packaging.requirements import Requirement
from pydantic import JsonValue

import disputatio
from disputatio.errors import ConfigurationError, DisputatioError
from disputatio.evals.bench import Bench
from disputatio.evals.bench_weights import digest_of, quantisation, weights
from disputatio.evals.examination import PROBES, examination
from disputatio.evals.items import Task
from disputatio.graphs.run import prepare, run, synchronously
from disputatio.model import Model, Reply, Request
from disputatio.models import SimulatedModel
from disputatio.models.virtual_time import VirtualTimeLoop
from disputatio.question import Question
from disputatio.redaction import redactor
from disputatio.strategies import Strategy

ENGINES = ("inspect-ai", "math-verify", "pint", "reasoning-gym", "torch", "transformers", "vllm")
FIXED = ("options", "tasks", "models", "strategies")
"""What must be the same for trials to belong together."""
PROBE = Question(text="What is 6 times 7?", answer_type="number")


def manifest(bench: Bench, options: Mapping[str, JsonValue], grader: Model | None = None) -> dict[str, JsonValue]:
    """Make the manifest.

    Args:
        bench: What is run; its models are loaded already.
        options: How it was asked for; `disputatio bench --again` takes them from here.
        grader: Of the agents' reasons, if there is one; runs do not depend on it.
    """
    models = {"default": bench.model, **bench.models}
    about: dict[str, JsonValue] = {
        "format": 1,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "options": dict(options),
        "models": {role: _model(model) for role, model in models.items() if not isinstance(model, str)},
        "strategies": {label: _strategy(one, bench) for label, one in bench.strategies.items()},
        "tasks": [_task(task) for task in bench.tasks],
        "budget": bench.budget.model_dump(mode="json", exclude_none=True),
        "versions": dict(versions()),
        "python": platform.python_version(),
        "system": platform.system(),
        "processor": platform.machine(),
    }
    about |= {"grader": _model(grader)} if grader else {}
    redacted: dict[str, JsonValue] = redactor()(about)  # an address may hold a password
    return redacted


def check(was: Mapping[str, Any], now: Mapping[str, Any], where: str) -> list[str]:
    """Compare two manifests.

    Returns:
        In words, what may change figures and still leaves them the same bench: other packages.

    Raises:
        ConfigurationError: If it is another bench: other data, weights, prompts or options.
    """
    for name in FIXED:
        if was.get(name) != now[name]:
            raise ConfigurationError(
                f"{where} is of another bench: {'; '.join(_differences(was.get(name), now[name]))}"
            )
    then, versions_now = was.get("versions") or {}, now["versions"]
    return _differences(then, versions_now)


def _differences(was: Any, now: Any, name: str = "") -> list[str]:
    if isinstance(was, dict) and isinstance(now, dict):
        keys = [key for key in {**was, **now} if was.get(key) != now.get(key)]
        return [line for key in keys for line in _differences(was.get(key), now.get(key), f"{name} {key}".strip())]
    if isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        pairs = [(a, b) for a, b in zip(was, now, strict=True) if a != b]
        return [line for a, b in pairs for line in _differences(a, b, name)]
    return [f"{name} was {json.dumps(was)[:80]}, is {json.dumps(now)[:80]}"]


def versions() -> Mapping[str, str]:
    """The versions of this package, of what it needs, and of the engines, scorers and generators that are installed."""
    needed = [Requirement(text) for text in requires("disputatio") or ()]
    names = [one.name for one in needed if not (one.marker and "extra" in str(one.marker))]
    found = {"disputatio": disputatio.__version__}
    for name in [*sorted(names), *ENGINES]:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _task(task: Task) -> JsonValue:
    digest = hashlib.sha256()
    for item in task.items:
        digest.update(item.model_dump_json(exclude={"meta"}).encode() + b"\n")
    about: dict[str, JsonValue] = {"name": task.name, "source": task.source, "licence": task.licence}
    return {**about, "items": len(task.items), "sha256": digest.hexdigest()}


def _model(model: Model) -> JsonValue:
    """A model: its name, its file if it is one, how it samples where nothing else is said, and what it can do."""
    path = weights(model.name)
    about: dict[str, JsonValue] = {"name": model.name}
    if path:
        about |= {"file": path.name, "sha256": digest_of(path), "quantisation": quantisation(path)}
    sampler: dict[str, JsonValue] = dict(getattr(model, "defaults", {}))
    return {**about, "sampler": sampler, "structure": model.profile.structure, "max_tokens": model.profile.max_tokens}


def _strategy(strategy: Strategy[...], bench: Bench) -> JsonValue:
    structure = None if isinstance(bench.model, str) else bench.model.profile.structure
    asked = PROBES if strategy.name == examination.name else (PROBE,)
    return {"spelled": repr(strategy), "prompts": prompts(strategy, structure or "native", asked)}


@dataclass(frozen=True)
class _Overheard:
    """A simulated model whose prompts are kept."""

    model: SimulatedModel
    prompts: list[str] = field(default_factory=list)
    name: str = "sim:overheard"

    @property
    def profile(self) -> Any:
        return self.model.profile

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        self.prompts.append(json.dumps([list(map(str, message.values())) for message in request.messages]))
        return await self.model.complete(request, on_text)


def prompts(strategy: Strategy[...], structure: Any, asked: Sequence[Question] = (PROBE,)) -> str | None:
    """SHA-256 over all prompts that a strategy sends for fixed questions to a simulated model.

    It changes with the wording of any prompt on the way, and with the wiring. None where the strategy cannot be
    simulated.
    """
    simulated = SimulatedModel(accuracy=0.5, spread=0.0)
    heard = _Overheard(replace(simulated, profile=replace(simulated.profile, structure=structure)))
    small = strategy(samples=3) if "samples" in strategy.signature.parameters else strategy
    try:
        for one in asked:
            synchronously(run(one, small, prepare(model=heard, seed=1)), loop_factory=VirtualTimeLoop)
    except DisputatioError:
        return None
    return hashlib.sha256("\n".join(sorted(heard.prompts)).encode()).hexdigest()
