"""Redaction: secrets are taken out of what is written to a file that outlives the run.

Known secrets are the values of environment variables whose names end in _KEY, _TOKEN, _SECRET or _PASSWORD, and what
the caller names. Others are found by their form: keys with well-known prefixes, headers, passwords in addresses.
"""

import json
import os
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import quote

HIDDEN = "[redacted]"
SHORTEST = 8
"""Characters of the shortest value that counts as a secret: shorter ones would be found in ordinary text."""
REPEATED = 500
"""Characters of the longest text whose cleaned form is kept: longer ones take room, and seldom come again."""
LEAVES = frozenset((int, float, bool, type(None)))
"""What holds no text in a JSON value."""
_NAMES = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD")
_START = r"(?:\b|(?<=\\[nrt]))"
"""Of a word, also behind a line's end that is written as JSON within a text."""
_IS = r"[\\\"']*\s*[:=]\s*[\\\"']*"
_VALUE = r"[^\s\"',;&\\]"
_FORMS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("sk-", "hf_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "glpat-", "xox", "aiza", "akia"),
        rf"{_START}(?:sk-|hf_|gh[pousr]_|glpat-|xox[abprs]-|AIza|AKIA)[\w-]{{16,}}",
        HIDDEN,
    ),
    (
        ("authorization",),
        rf"(?i){_START}((?:proxy-)?authorization{_IS}(?:(?:bearer|basic|token)\s+)?){_VALUE}+",
        rf"\1{HIDDEN}",
    ),
    (("bearer",), rf"(?i){_START}(bearer\s+)(?={_VALUE}*\d){_VALUE}{{8,}}", rf"\1{HIDDEN}"),
    (
        ("apikey", "api-key", "api_key", "access", "client"),
        rf"(?i){_START}((?:[\w-]*api[-_]?key|access[-_]?token|client[-_]?secret){_IS}){_VALUE}{{8,}}",
        rf"\1{HIDDEN}",
    ),
    (("://",), r"(://)[^/\s:@]*:[^/\s@]+(?=@)", rf"\1{HIDDEN}"),
    (("key=", "token=", "secret=", "password="), r"(?i)([?&](?:key|token|secret|password)=)[^&\s#\"'\\]+",
     rf"\1{HIDDEN}"),
)  # fmt: skip
"""What the form of a secret cannot do without, in lower case (looking for that first is a hundred times as fast), the
form, and what is put in its place."""


def redactor(secrets: Iterable[str] = ()) -> Callable[[Any], Any]:
    """Make the function that takes secrets out of text, and out of all text in a JSON value.

    Args:
        secrets: Secrets besides those in the environment; shorter ones than `SHORTEST` are left out.
    """
    known = {value for name, value in os.environ.items() if name.upper().endswith(_NAMES)} | set(secrets)
    clean = _cleaner(frozenset(known))

    def redact(value: Any) -> Any:  # looks into what holds others, and only there: most of a value are small leaves
        if isinstance(value, str):
            return clean(value)
        if isinstance(value, dict):
            return {clean(str(name)): one if type(one) in LEAVES else redact(one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [one if type(one) in LEAVES else redact(one) for one in value]
        return value

    return redact


@lru_cache(8)  # a run has the secrets of the run before
def _cleaner(secrets: frozenset[str]) -> Callable[[str], str]:
    known = secrets | {line.strip() for one in secrets for line in one.splitlines()}  # quoting puts marks between lines
    forms = {
        form for one in known if len(one) >= SHORTEST for form in (one, quote(one, safe=""), json.dumps(one)[1:-1])
    }
    exact = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))  # the longest first
    patterns = [(signs, re.compile(form), put) for signs, form, put in _FORMS]

    def cleaned(text: str) -> str:
        if any(form in text for form in forms):
            text = exact.sub(HIDDEN, text)
        lower = text.lower()
        for signs, pattern, put in patterns:
            for sign in signs:  # not any(): a generator takes longer than what it looks for
                if sign in lower:
                    text = pattern.sub(put, text)
                    break
        return text

    repeated = lru_cache(1024)(cleaned)  # the names of fields, and what one prompt shares with the next

    def clean(text: str) -> str:
        if len(text) < SHORTEST:
            return text
        return repeated(text) if len(text) <= REPEATED else cleaned(text)

    return clean
