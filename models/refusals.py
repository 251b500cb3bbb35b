"""Refusals: what a server means when it answers with an error, as an error of ours with a fault."""

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from disputatio.errors import ModelError, ModelUnavailableError
from disputatio.model import Feature
from disputatio.models.chat import parsed
from disputatio.models.transport import Received

LONGEST = 500
"""Characters of a server's message that are shown."""
FIELDS: Mapping[str, Feature] = {
    "response_format": "schema",
    "tools": "tools",
    "tool_choice": "tools",
    "logprobs": "logprobs",
    "top_logprobs": "logprobs",
    "n": "n",
    "stop": "stop",
    "seed": "seed",
    "chat_template_kwargs": "thinking",
    "reasoning_effort": "thinking",
}
"""Fields of a request, and the feature that each belongs to."""


def refusal(name: str, received: Received, *, key_variable: str | None = None) -> ModelError:
    """The error that a refusal means.

    Args:
        name: The model's name, for the message.
        received: What the server sent.
        key_variable: The environment variable of the key, named when the key is refused.
    """
    status = received.status
    error = _error_of(received.content)
    said = " ".join(str(error.get("message") or f"HTTP status {status}").split())[:LONGEST]
    code = f"{error.get('code')} {error.get('type')}".lower()
    if status in (401, 403) or "invalid_api_key" in code:
        where = f"; set {key_variable}" if key_variable else ""
        return ModelError(f"{name}: the server refused the key ({status}){where}", fault="auth", status=status)
    too_long = r"context (length|size|window)" if status == 400 else r"too large to process"  # llama.cpp says so by 500
    if status == 413 or "context" in code or re.search(too_long, said):
        message = f"{name}: the prompt does not fit the context window ({said}); shorten the question"
        return ModelError(message, fault="context_too_long", status=status)
    message = f"{name}: {said} ({status})"
    if "quota" in code or "billing" in code or status == 402:
        return ModelError(message, fault="quota", status=status)
    if "content_filter" in code or "content_policy" in code:
        return ModelError(message, fault="filtered", status=status)
    if status == 429 or "rate_limit" in code:
        wait = _retry_after(received.headers)
        message += f", to be asked again in {wait:.0f} s" if wait else ""
        return ModelUnavailableError(message, fault="rate_limited", retry_after=wait, status=status)
    if status in (408, 409) or status >= 500 or status == 200:
        wait = _retry_after(received.headers)
        return ModelUnavailableError(message, fault="overloaded", retry_after=wait, status=status)
    return ModelError(message, fault="bad_request", status=status)


def not_understood(error: ModelError, body: Mapping[str, Any]) -> str | None:
    """The field of a request that the server says it does not take; None if it complains of something else."""
    if error.status not in (400, 422, 501):
        return None
    named = [field for field in body if re.search(rf"(?<!\w){re.escape(field)}(?!\w)", str(error))]
    named = [field for field in named if len(field) > 1 or re.search(rf"['\"`]{field}['\"`]", str(error))]
    if _rejects(str(error)):
        return max(named, key=len, default=None)
    # vLLM: '"auto" tool choice requires --enable-auto-tool-choice'; llama.cpp: "tools param requires --jinja flag".
    return "tools" if "tools" in body and re.search(r"(?i)\btools?\b.* requires?\b", str(error)) else None


def _rejects(message: str) -> bool:
    words = r"unsupported|not support|unrecogni|unknown|unexpected|not permitted|not allowed|extra|invalid (param|arg)"
    return bool(re.search(words, message, re.IGNORECASE))


def _error_of(content: bytes) -> dict[str, Any]:
    try:
        body = parsed(content, "")
    except ModelError:
        return {}
    error = body.get("error", body)
    return error if isinstance(error, dict) else {"message": error}


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, from a number or a date; None for what is neither or lies in the past."""
    said = headers.get("Retry-After") or ""
    try:
        seconds = float(said)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(said).timestamp() - time.time()
        except (ValueError, TypeError):
            return None
    return seconds if 0 < seconds < 86_400 else None
