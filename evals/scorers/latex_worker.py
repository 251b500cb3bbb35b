"""The process that compares values for the scorer of mathematics: one JSON pair a line in, one verdict a line out.

Run by its path, so it may import nothing of this package. Its standard input ends when its parent does, and it with
it.
"""

import faulthandler
import json
import logging
import os
import sys
from contextlib import suppress

from math_verify import LatexExtractionConfig, parse, verify

MEMORY = 2 * 2**30
"""Bytes of address space."""


def limit_memory() -> None:
    """Take no more memory than this, where the system can be told so."""
    with suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - Unix has it

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def compare(right: str, said: str) -> str:
    """Say whether two values are equal, different, or whether the second one is none."""
    read = [parse(f"${value}$", [LatexExtractionConfig()], parsing_timeout=None) for value in (right, said)]
    if not read[1]:
        return "unread"
    return "equal" if verify(*read, timeout_seconds=None) else "different"


def main(seconds: float) -> None:
    """Answer until the input ends. A comparison that takes too long ends the process."""
    limit_memory()
    logging.disable()
    silent = open(os.devnull, "w")  # noqa: SIM115 - as long as the process
    for line in sys.stdin:
        # Its watch is a thread in C, which ends the process even while the interpreter is held.
        faulthandler.dump_traceback_later(seconds, exit=True, file=silent)
        try:
            verdict = compare(*json.loads(line))
        except MemoryError:
            verdict = ""
        except Exception:  # noqa: BLE001 - a parser that fails in any way has not read the answer
            verdict = "unread"
        faulthandler.cancel_dump_traceback_later()
        print(verdict, flush=True)  # noqa: T201 - to the parent


if __name__ == "__main__":
    main(float(sys.argv[1]))
