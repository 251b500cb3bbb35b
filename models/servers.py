"""Servers on this machine: which of the usual ones run, and which models they serve."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from disputatio.errors import ModelError
from disputatio.models.chat import parsed
from disputatio.models.transport import Clocks, Transport

LONGEST = 1.5
"""Seconds after which a server that says nothing counts as none."""


class Place(NamedTuple):
    """Where a kind of server usually listens."""

    kind: str
    provider: str
    """The provider of the model strings for it."""
    url: str


@dataclass(frozen=True, kw_only=True)
class Found:
    """What is at a place."""

    place: Place
    models: tuple[str, ...] = ()
    problem: str = ""
    """Why no model is listed; empty if some are."""

    @property
    def specs(self) -> tuple[str, ...]:
        """The model strings of its models."""
        place = self.place
        start = f"{place.provider}:" if place.provider == "ollama" else f"{place.provider}:{place.url}#"
        return tuple(f"{start}{name}" for name in self.models)


def usual() -> tuple[Place, ...]:
    """The ports that servers have by default; Ollama's is where OLLAMA_HOST says."""
    host = os.environ.get("OLLAMA_HOST") or "127.0.0.1:11434"
    ollama = (host if "://" in host else f"http://{host}").rstrip("/")
    return (
        Place("Ollama", "ollama", f"{ollama}/v1"),
        Place("vLLM", "vllm", "http://127.0.0.1:8000/v1"),
        Place("llama.cpp", "openai-compatible", "http://127.0.0.1:8080/v1"),
        Place("LM Studio", "openai-compatible", "http://127.0.0.1:1234/v1"),
    )


async def look(places: Sequence[Place]) -> list[Found]:
    """Look at all places at once; no key is sent, and none waits longer than `LONGEST`."""
    return await asyncio.gather(*map(_look_at, places))


async def _look_at(place: Place) -> Found:
    clocks = Clocks(connect=LONGEST, silent=LONGEST, total=LONGEST)
    try:
        listed = await entries(place.url, {}, clocks)
    except ModelError as error:
        refused = error.status in (401, 403)
        problem = {"transport": "not running", "timeout": "does not answer"}.get(error.fault, str(error))
        return Found(place=place, problem="wants a key: set DISPUTATIO_API_KEY" if refused else problem)
    names = tuple(str(entry["id"]) for entry in listed)
    return Found(place=place, models=names, problem="" if names else "runs, but has no model yet")


async def entries(url: str, headers: dict[str, str], clocks: Clocks) -> list[dict[str, Any]]:
    """The models that a server lists, as it describes them, each with an `id`.

    Raises:
        ModelError: If it cannot be reached, refuses, or is no model server.
    """
    received = await Transport(base_url=url, headers=headers, clocks=clocks).get("/models")
    if received.status != 200:
        message = f"something else answers there (HTTP status {received.status})"
        raise ModelError(message, fault="bad_reply", status=received.status)
    try:
        listed = parsed(received.content, url).get("data")
    except ModelError as error:
        raise ModelError("something else answers there (no JSON)", fault="bad_reply") from error
    return [
        entry for entry in (listed if isinstance(listed, list) else ()) if isinstance(entry, dict) and "id" in entry
    ]
