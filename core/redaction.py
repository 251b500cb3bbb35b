"""Redaction: secrets are taken out of what is written to a file that outlives the run.

Known secrets are the values of environment variables whose names end in _KEY, _TOKEN, _SECRET or _PASSWORD, and what
the caller names. Others are found by their form: keys with well-known prefixes, headers, passwords in addresses.
"""

import json
import os
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

HIDDEN = "[redacted]"
SHORTEST = 8
"""Characters of the shortest value that counts as a secret: shorter ones would be found in ordinary text."""
_NAMES = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD")
_START = r"(?:\b|(?<=\\[nrt]))"
"""Of a word, also behind a line's end that is written as JSON within a text."""
_IS = r"[\\\"']*\s*[:=]\s*[\\\"']*"
_VALUE = r"[^\s\"',;&\\]"
_FORMS = (
    (rf"{_START}(?:sk-|hf_|gh[pousr]_|glpat-|xox[abprs]-|AIza|AKIA)[\w-]{{16,}}", HIDDEN),
    (rf"(?i){_START}((?:proxy-)?authorization{_IS}(?:(?:bearer|basic|token)\s+)?){_VALUE}+", rf"\1{HIDDEN}"),
    (rf"(?i){_START}(bearer\s+)(?={_VALUE}*\d){_VALUE}{{8,}}", rf"\1{HIDDEN}"),
    (
        rf"(?i){_START}((?:[\w-]*api[-_]?key|access[-_]?token|client[-_]?secret){_IS}){_VALUE}{{8,}}",
        rf"\1{HIDDEN}",
    ),
    (r"(://)[^/\s:@]*:[^/\s@]+(?=@)", rf"\1{HIDDEN}"),
    (r"(?i)([?&](?:key|token|secret|password)=)[^&\s#\"'\\]+", rf"\1{HIDDEN}"),
)


def redactor(secrets: Iterable[str] = ()) -> Callable[[Any], Any]:
    """Make the function that takes secrets out of text, and out of all text in a JSON value.

    Args:
        secrets: Secrets besides those in the environment; shorter ones than `SHORTEST` are left out.
    """
    known = {value for name, value in os.environ.items() if name.upper().endswith(_NAMES)} | set(secrets)
    forms = {
        form for one in known if len(one) >= SHORTEST for form in (one, quote(one, safe=""), json.dumps(one)[1:-1])
    }
    longest_first = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
    patterns = [(re.compile(form), put) for form, put in ([(longest_first, HIDDEN)] if forms else []) + list(_FORMS)]

    def redact(value: Any) -> Any:
        match value:
            case str():
                for pattern, put in patterns:
                    value = pattern.sub(put, value)
                return value
            case dict():
                return {redact(key): redact(one) for key, one in value.items()}
            case list() | tuple():
                return [redact(one) for one in value]
            case _:
                return value

    return redact
