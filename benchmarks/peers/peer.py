"""What every peer does: read items, answer each by one method, and write the texts down.

    python with_NAME.py METHOD          items come as JSON lines on standard input, texts go to standard output

It runs in the peer's environment, so it uses the standard library alone.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

URL = os.environ.get("PEERS_URL", "")
KEY = os.environ.get("PEERS_KEY", "")
MODEL = os.environ.get("PEERS_MODEL", "")
MAX_TOKENS = int(os.environ.get("PEERS_MAX_TOKENS", "0"))
AT_ONCE = int(os.environ.get("PEERS_AT_ONCE", "1"))
SYSTEM = "You are a helpful assistant."

Method = Callable[[dict[str, str]], str]
"""From an item (`question` as it stands, `prompt` with what to do about it) to the text that the peer hands out."""


def answer_in(text: str) -> str:
    """What stands behind the last "Answer:", where a pattern leaves it to its user to read an answer; else nothing."""
    found = re.findall(r"(?im)^.*\banswer:\s*(.+)$", text or "")
    return found[-1].strip(" .*") if found else ""


def serve(methods: Mapping[str, Method]) -> None:
    """Answer all items, as many at once as the runner says."""
    method = methods[sys.argv[1]]
    out, sys.stdout = sys.stdout, sys.stderr  # what a peer prints is none of its answers
    print(json.dumps({"ready": sys.argv[1]}), file=out, flush=True)

    def answer(item: dict[str, str]) -> dict[str, str]:
        try:
            return {"id": item["id"], "text": method(item) or ""}
        except Exception as error:  # noqa: BLE001  a peer's fault is a figure of the table, not the end of the run
            return {"id": item["id"], "error": f"{type(error).__name__}: {error}"[:300]}

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for line in pool.map(answer, [json.loads(line) for line in sys.stdin]):
            print(json.dumps(line), file=out, flush=True)
