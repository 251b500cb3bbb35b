"""What the errors of LangChain's providers mean, read off their status codes and names: no package is imported."""

import re
from collections.abc import Iterator

from disputatio.errors import Fault, ModelError, ModelUnavailableError

LONGEST = 500
"""Characters of a message that are shown."""
_CODES: dict[str, int] = {
    "ThrottlingException": 429,
    "TooManyRequestsException": 429,
    "ServiceQuotaExceededException": 429,
    "ResourceExhausted": 429,
    "AccessDeniedException": 403,
    "UnrecognizedClientException": 403,
    "ExpiredTokenException": 403,
    "ModelTimeoutException": 408,
    "ModelNotReadyException": 503,
    "ServiceUnavailableException": 503,
}
"""Names of errors that come without an HTTP status, or as a text in its place."""
_TIMED_OUT = re.compile(r"time(d)?[ _-]?out|deadline", re.IGNORECASE)
_UNREACHABLE = re.compile(r"connect|network|transport|protocol|remote.*closed|incompleteread|socket", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"context[_ ](length|window|size|limit)|contextoverflow|prompt is too long|too many tokens", re.I
)


def meaning(error: Exception, name: str) -> ModelError:
    """The error of ours that a provider's error stands for.

    Args:
        error: What was raised.
        name: The model's name, for the message.
    """
    said = " ".join(str(error).split())[:LONGEST] or type(error).__name__
    message = f"{name}: {said}"
    status = next(_statuses(error), None)
    if status is None:
        return _without_status(error, name, message)
    if status in (401, 403):
        return ModelError(message, fault="auth", status=status)
    words = f"{_code(error)} {said}"
    if status == 413 or (status < 500 and _TOO_LONG.search(words)):
        return ModelError(message, fault="context_too_long", status=status)
    if status == 402 or (status in (400, 429) and re.search(r"insufficient_quota|billing|credit balance", words)):
        return ModelError(message, fault="quota", status=status)
    if re.search(r"content_filter|content_policy|responsibleai", words, re.IGNORECASE):
        return ModelError(message, fault="filtered", status=status)
    if status == 429:
        wait = _retry_after(error)
        return ModelUnavailableError(message, fault="rate_limited", status=status, retry_after=wait)
    if status in (408, 409) or status >= 500:
        fault: Fault = "timeout" if status in (408, 504) else "overloaded"
        return ModelUnavailableError(message, fault=fault, status=status, retry_after=_retry_after(error))
    return ModelError(message, fault="bad_request", status=status)


def _without_status(error: Exception, name: str, message: str) -> ModelError:
    names = " ".join(one.__name__ for one in type(error).__mro__)
    if _TOO_LONG.search(names):
        return ModelError(message, fault="context_too_long")
    if isinstance(error, TimeoutError) or _TIMED_OUT.search(names):
        return ModelUnavailableError(message, fault="timeout")
    if isinstance(error, ConnectionError) or _UNREACHABLE.search(names):
        return ModelUnavailableError(message, fault="transport")
    if "No generation" in message:  # how LangChain reports a stream without a single piece
        return ModelUnavailableError(f"{name} sent no reply", fault="bad_reply")
    if "JSONDecodeError" in names or "OutputParser" in names:
        return ModelUnavailableError(message, fault="bad_reply")
    return ModelError(message, fault="bad_request")


def _statuses(error: Exception) -> Iterator[int]:
    """HTTP statuses, from wherever packages put them: as a number or under a name, on the error or its reply."""
    response = getattr(error, "response", None)
    places = [error, response] if not isinstance(response, dict) else [error]
    for place in places:
        for field in ("status_code", "http_status", "status", "code"):
            value = getattr(place, field, None)
            value = value() if callable(value) else value
            if isinstance(value, int) and 400 <= value < 600:
                yield value
    if isinstance(response, dict):  # botocore
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        code = _CODES.get(_code(error))
        yield from (one for one in (code, status) if isinstance(one, int))
    if type(error).__name__ in _CODES:
        yield _CODES[type(error).__name__]


def _code(error: Exception) -> str:
    """The name that the server gave the error."""
    response, body = getattr(error, "response", None), getattr(error, "body", None)
    inner = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    if isinstance(body, dict):
        told = body.get("error", body)
        inner = f"{told.get('code')} {told.get('type')}" if isinstance(told, dict) else told
    return str(inner or getattr(error, "code", None) or "")


def _retry_after(error: Exception) -> float | None:
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    try:
        seconds = float(headers.get("retry-after") or "")
    except (ValueError, TypeError, AttributeError):
        return None
    return seconds if 0 < seconds < 86_400 else None
