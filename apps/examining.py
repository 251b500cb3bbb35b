"""An examination of a model at the keyboard: findings as they are made, and its speed."""

import asyncio
import json
import sys
from dataclasses import asdict
from typing import Any, Literal

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from disputatio.apps.output import complain, put, show_parts
from disputatio.apps.screen import display
from disputatio.models import load_model, weights
from disputatio.models.examination import Examination, examine
from disputatio.writing import plain

ANSWERS = {True: Text("yes", style="green"), False: Text("no", style="red"), None: Text("unknown", style="yellow")}


def report(spec: str, *, seconds: float, format: Literal["text", "json"], quiet: bool) -> int:
    """Examine a model and print what was found.

    Returns:
        0 if it replies, else 1.

    Raises:
        ConfigurationError: If the model string is wrong.
        StoreError: If the embedded model cannot be fetched.
    """
    with display(quiet=quiet or not sys.stderr.isatty()) as screen:
        screen.note(f"loading {spec}")
        if spec.removesuffix(":") == "local":
            weights.smollm2(on_progress=screen.fetched)
        model = load_model(spec)
        examined = asyncio.run(examine(model, seconds=seconds, on_step=lambda step: screen.note(f"trying: {step}")))
    if format == "json":
        put(json.dumps(_as_json(examined), indent=2) + "\n")
    else:
        _print(examined)
    if not examined.replies:
        complain(f"{examined.model} does not reply")
    return 0 if examined.replies else 1


def _as_json(examined: Examination) -> dict[str, Any]:
    return {
        "model": examined.model,
        "replies": examined.replies,
        "findings": [asdict(one) for one in examined.findings],
        "first_token_s": examined.first_token_s,
        "tokens_per_second": examined.tokens_per_second,
        "usage": examined.usage.model_dump(mode="json"),
    }


def _print(examined: Examination) -> None:
    rows = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    rows.add_column(no_wrap=True)
    rows.add_column(no_wrap=True)
    rows.add_column(style="dim", overflow="fold")
    for one in examined.findings:
        rows.add_row(one.name, ANSWERS[one.works], Text(plain(one.note)))
    show_parts(Text(plain(examined.model), style="bold cyan"), Padding(rows, (0, 0, 1, 2)), Text(_costs(examined)))


def _costs(examined: Examination) -> str:
    usage = examined.usage
    parts = [f"{usage.calls} calls", f"{usage.tokens:,} tokens"]
    if examined.first_token_s is not None:
        parts.insert(0, f"first token after {examined.first_token_s:.2f} s")
    if examined.tokens_per_second is not None:
        parts.insert(1, f"then {examined.tokens_per_second:.0f} tokens/s")
    return "; ".join([", ".join(parts[:-2]), ", ".join(parts[-2:])]).lstrip("; ")
